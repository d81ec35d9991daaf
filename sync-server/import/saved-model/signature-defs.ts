import { dtypeOfProto } from "../../../protocol/dtype.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { SignatureDef, TensorInfo } from "../../../protocol/manifest.ts";
import { jsonOfTensor } from "../../../protocol/small-tensor.ts";
import { nodeOf } from "../graph-nodes.ts";
import { typeAttr } from "../graph/attrs.ts";
import type { NodeNames } from "../graph/node-names.ts";
import { parseReference, referTo } from "../graph/references.ts";
import { refuse, type Draft } from "./draft.ts";
import type { MetaGraph, RawSignatureDef, RawTensorInfo } from "./meta-graph.ts";

/** How TensorFlow carries the initialisation and training ops among the signature defs; no caller can ask for them. */
const NOT_FOR_CALLERS = /^__saved_model_(init|train)_op$/;

/** The signature defs that callers may ask for, with their own names, dtypes, order and defaults, as they are in the file. */
export function takeSignatureDefs(draft: Draft, meta: MetaGraph): void {
  const nodes = new Set(draft.graph.nodes.map(({ name }) => name));
  for (const [name, raw] of Object.entries(meta.signatureDefs)) {
    if (NOT_FOR_CALLERS.test(name)) continue;
    const fault = faultOf(raw, nodes);
    if (fault !== undefined) {
      refuse(draft, name, fault, "MODEL_MALFORMED");
      continue;
    }
    draft.signatureDefs.set(name, {
      methodName: raw.methodName,
      inputs: infosOf(raw.inputs),
      outputs: infosOf(raw.outputs),
      ...defaultsOf(raw),
    });
  }
}

function faultOf({ inputs, outputs }: RawSignatureDef, nodes: ReadonlySet<string>): string | undefined {
  if (Object.keys(outputs).length === 0) return "has no outputs";
  for (const [role, infos] of [["input", inputs], ["output", outputs]] as const) {
    for (const [key, { name, type }] of Object.entries(infos)) {
      if (dtypeOf(type) === undefined) return `has the ${role} ${JSON.stringify(key)} of type ${type}, which is no dense tensor`;
      if (!nodes.has(nodeOf(name))) return `has the ${role} ${JSON.stringify(key)}, whose tensor ${JSON.stringify(name)} is not in the graph`;
    }
  }
  return undefined;
}

/** The tensors of TF1's variables have a type of their own, which reads as the one it refers to. */
function dtypeOf(type: string): TensorInfo["dtype"] | undefined {
  return dtypeOfProto(type.replace(/_REF$/, ""));
}

function infosOf(raw: Readonly<Record<string, RawTensorInfo>>): Record<string, TensorInfo> {
  return Object.fromEntries(
    Object.entries(raw).flatMap(([key, { name, type, shape }]) => {
      const dtype = dtypeOf(type);
      return dtype === undefined ? [] : [[key, { name, dtype, shape: shape === null ? null : [...shape] }]];
    }),
  );
}

function defaultsOf({ defaults }: RawSignatureDef): Pick<SignatureDef, "defaults"> {
  const small = Object.entries(defaults).filter(([, { data }]) => data.length <= LIMITS.smallTensorElements);
  return small.length === 0 ? {} : { defaults: Object.fromEntries(small.map(([key, tensor]) => [key, jsonOfTensor(tensor)])) };
}

/**
 * Callers may feed any tensor of the graph, not only placeholders. One that is a later output of its node gets a node of its own,
 * since TF.js feeds whole nodes.
 */
export function separateFeeds({ graph, signatureDefs }: Draft, names: NodeNames): string[] {
  const stand = new Map<string, string>();
  const parsers = new Set(graph.nodes.filter(({ op }) => op === "ParseExample" || op === "ParseExampleV2").map(({ name }) => name));
  for (const def of signatureDefs.values()) {
    for (const info of Object.values(def.inputs)) {
      const { node, output } = parseReference(info.name);
      // What parses examples goes, and who feeds what it gives must not go with it.
      if (output === 0 && !parsers.has(node)) continue;
      const name = stand.get(info.name) ?? names.fresh(`${node}/output_${output}`);
      stand.set(info.name, name);
      info.name = `${name}:0`;
    }
  }
  if (stand.size === 0) return [];
  // A first output is referred to by its node's name alone.
  for (const node of graph.nodes) node.inputs = node.inputs.map((input) => stand.get(input) ?? stand.get(`${input}:0`) ?? input);
  for (const [reference, name] of stand) {
    const { node, output } = parseReference(reference);
    graph.nodes.push({ name, op: "Identity", inputs: [referTo(node, output)], attrs: { T: typeAttr("DT_INVALID") } });
  }
  return [`gave ${stand.size} fed tensors a node of their own`];
}

/** Takes from placeholders the shape that they state: a TensorFlow session does not hold callers to it, TF.js would. */
export function openShapes({ graph }: Draft): void {
  for (const node of graph.nodes) if (node.op === "Placeholder") node.attrs = { dtype: node.attrs["dtype"] ?? typeAttr("DT_INVALID") };
}

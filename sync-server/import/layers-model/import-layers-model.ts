import * as v from "valibot";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { SignatureDef, TensorInfo } from "../../../protocol/manifest.ts";
import { shapeAttr, typeAttr } from "../graph/attrs.ts";
import type { StageReport } from "../graph/graph.ts";
import { optimiseGraph } from "../graph/optimise-graph.ts";
import { printGraph } from "../graph/print-graph.ts";
import type { ImportedGraph, ImportOptions } from "../imported-model.ts";
import { PREDICT_METHOD } from "../signature-defs.ts";
import type { SourceFolder } from "../source-folder.ts";
import { readWeights, type WeightsManifest } from "../weights.ts";
import { LayerOptions } from "./layer-options.ts";
import { LayerGraph, type Flow } from "./layer-graph.ts";
import { LAYERS } from "./layers.ts";
import { isModel, readModelConfig, type Inbound, type LayerConfig, type ModelConfig } from "./model-config.ts";

const modelSchema = v.object({ class_name: v.string(), config: v.unknown() });
/** Converters put Keras's config one level down. */
const topologySchema = v.union([v.pipe(v.object({ model_config: modelSchema }), v.transform(({ model_config: model }) => model)), modelSchema]);

const DTYPES = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL" } as const;

/**
 * A layers model: the graph that its layers compute at prediction. Inputs and outputs are named as the layers that they are of.
 * @throws MODEL_MALFORMED naming a layer or an option that is not known; MODEL_INCOMPLETE while weights are missing
 */
export async function importLayersModel(topology: unknown, weightsManifest: WeightsManifest, source: SourceFolder, what: string, options: ImportOptions = {}): Promise<ImportedGraph> {
  const parsed = v.safeParse(topologySchema, topology);
  if (!parsed.success || !isModel(parsed.output.class_name)) {
    throw new AshoreError("MODEL_MALFORMED", `${what} has a modelTopology that is no Sequential, Functional or Model.`);
  }
  const graph = new LayerGraph(await readWeights(weightsManifest, source), what);
  const config = readModelConfig(parsed.output.class_name, parsed.output.config, what);
  const inputs: Record<string, TensorInfo> = {};
  const placeholder: MakePlaceholder = ({ name }, { batch_input_shape: shape, dtype }) => {
    const sizes = shape.map((size) => size ?? -1);
    const ref = graph.node("Placeholder", [], { dtype: typeAttr(DTYPES[dtype]), shape: shapeAttr(sizes) }, name);
    inputs[name] = { name: `${ref}:0`, dtype, shape: sizes };
    return { ref, shape: sizes, type: DTYPES[dtype] };
  };
  const writer = new ModelWriter(graph, what, placeholder);
  const flows = writer.write(config, undefined, 0);

  const outputs: Record<string, TensorInfo> = {};
  for (const [at, flow] of flows.entries()) {
    const layer = config.outputs[at]?.[0] ?? "output";
    let key = layer;
    for (let n = 1; key in outputs; n++) key = `${layer}_${n}`;
    graph.enter(key);
    const ref = graph.node("Identity", [flow.ref], { T: typeAttr(flow.type) });
    outputs[key] = { name: `${ref}:0`, dtype: flow.type === "DT_FLOAT" ? "float32" : flow.type === "DT_INT32" ? "int32" : "bool", shape: [...flow.shape] };
  }
  const names = (infos: Readonly<Record<string, TensorInfo>>): string[] => Object.values(infos).map(({ name }) => name);
  const written: StageReport = { stage: "layers", nodesBefore: 0, nodesAfter: graph.graph.nodes.length, did: [`wrote ${writer.applied} layers`] };
  const stages = [written, ...(options.optimise === false ? [] : optimiseGraph(graph.graph, { feeds: names(inputs), fetches: names(outputs) }))];
  const serving: SignatureDef = { methodName: PREDICT_METHOD, inputs, outputs };
  return { ...printGraph({ graph: graph.graph }), signatureDefs: { serving_default: serving }, stages, assets: [] };
}

const shapeSchema = v.array(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(-1))));
const inputSchema = v.object({ batch_input_shape: shapeSchema, dtype: v.optional(v.picklist(["float32", "int32", "bool"]), "float32") });
/** Keras 3 calls it `batch_shape`. */
const inputConfigSchema = v.pipe(
  v.looseObject({ batch_input_shape: v.optional(shapeSchema), batch_shape: v.optional(shapeSchema), dtype: v.optional(v.unknown()) }),
  v.transform(({ batch_input_shape: old, batch_shape: shape, dtype }) => ({ batch_input_shape: old ?? shape, dtype: typeof dtype === "string" ? dtype : undefined })),
  inputSchema,
);

type MakePlaceholder = (layer: Pick<LayerConfig, "name">, config: v.InferOutput<typeof inputSchema>) => Flow;

class ModelWriter {
  readonly #graph: LayerGraph;
  readonly #what: string;
  readonly #placeholder: MakePlaceholder;
  /** How many times a layer was, a layer that is applied twice counted as two. */
  applied = 0;

  constructor(graph: LayerGraph, what: string, placeholder: MakePlaceholder) {
    this.#graph = graph;
    this.#what = what;
    this.#placeholder = placeholder;
  }

  /** A model's outputs, for its inputs or, the outermost, for placeholders. */
  write({ layers, inputs, outputs }: ModelConfig, given: readonly Flow[] | undefined, depth: number): readonly Flow[] {
    if (depth > LIMITS.layerDepth) throw new AshoreError("LIMIT_EXCEEDED", `${this.#what}: models in models more than ${LIMITS.layerDepth} deep.`);
    const byName = new Map(layers.map((layer) => [layer.name, layer]));
    if (byName.size < layers.length) throw new AshoreError("MODEL_MALFORMED", `${this.#what} has two layers of one name.`);
    const done = new Map<string, readonly Flow[] | "being written">();
    const first = inputs ?? [[layers[0]?.name ?? "", 0, 0] as const];
    if (given !== undefined && given.length !== first.length) throw new AshoreError("MODEL_MALFORMED", `${this.#what}: a model with ${first.length} inputs is given ${given.length}.`);

    /** How many layers are being written one inside the other. */
    let ahead = 0;
    const flowOf = ([name, node, tensor]: Inbound): Flow => {
      const key = `${node} ${name}`;
      let flows = done.get(key);
      if (flows === "being written") throw new AshoreError("MODEL_MALFORMED", `${this.#what}: the layer ${name} takes its own output.`);
      if (flows === undefined) {
        const layer = byName.get(name);
        if (layer === undefined) throw new AshoreError("MODEL_MALFORMED", `${this.#what} has no layer ${name}, which another takes its input from.`);
        if (++ahead > LIMITS.layerDepth) throw new AshoreError("LIMIT_EXCEEDED", `${this.#what}: layers stand more than ${LIMITS.layerDepth} before those that they take their input from.`);
        done.set(key, "being written");
        flows = this.#apply(layer, (layer.inbound[node] ?? []).map(flowOf), given?.[first.findIndex(([input]) => input === name)], depth);
        done.set(key, flows);
        ahead--;
      }
      const flow = flows[tensor];
      if (flow === undefined) throw new AshoreError("MODEL_MALFORMED", `${this.#what}: the layer ${name} has no output ${tensor}.`);
      return flow;
    };
    // In the order in which they are: that of the model's own inputs, and a chain of any length without a call stack as long.
    for (const input of first) flowOf(input);
    for (const layer of layers) {
      for (const [node, sources] of layer.inbound.entries()) if (sources.every(([name, at]) => done.has(`${at} ${name}`))) flowOf([layer.name, node, 0]);
    }
    return outputs.map(flowOf);
  }

  #apply(layer: LayerConfig, inputs: readonly Flow[], given: Flow | undefined, depth: number): readonly Flow[] {
    const { name, className, config } = layer;
    if (++this.applied > LIMITS.appliedLayers) throw new AshoreError("LIMIT_EXCEEDED", `${this.#what} applies layers more than ${LIMITS.appliedLayers} times.`);
    if (className === "InputLayer") return [given ?? this.#placeholder(layer, this.#inputOf(layer))];
    if (isModel(className)) {
      const model = readModelConfig(className, config, this.#what);
      const own = inputs.length > 0 ? inputs : given === undefined ? undefined : [given];
      return this.write(model, own, depth + 1);
    }
    const write = LAYERS.get(className);
    if (write === undefined) {
      throw new AshoreError("MODEL_MALFORMED", `${this.#what}: the layer ${name} is a ${className}, which is not known here. Known are ${[...LAYERS.keys()].join(", ")}. Convert the Keras model with tensorflowjs_converter --output_format=tfjs_graph_model, or export it as a SavedModel.`);
    }
    const [input, ...others] = inputs.length > 0 ? inputs : [given ?? this.#placeholder({ name: `${name}_input` }, this.#inputOf(layer))];
    if (input === undefined) throw new AshoreError("MODEL_MALFORMED", `${this.#what}: the layer ${name} has no input.`);
    const options = new LayerOptions(config, `${this.#what}: the layer ${name} (${className})`);
    this.#graph.enter(name);
    const flow = write({ graph: this.#graph, name, options, inputs: [input, ...others] });
    options.done();
    return [flow];
  }

  #inputOf({ name, config }: LayerConfig): v.InferOutput<typeof inputSchema> {
    const parsed = v.safeParse(inputConfigSchema, config);
    if (parsed.success) return parsed.output;
    throw new AshoreError("MODEL_MALFORMED", `${this.#what}: the shape or dtype of the input ${name} is missing or makes no sense (${parsed.issues[0].message}).`);
  }
}

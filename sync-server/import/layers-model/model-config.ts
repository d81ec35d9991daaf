import * as v from "valibot";
import { AshoreError } from "../../../protocol/errors.ts";

/** Where a layer's input comes from: a layer, which of the times that it was applied, which of its outputs. */
export type Inbound = readonly [layer: string, node: number, tensor: number];

export interface LayerConfig {
  readonly name: string;
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Per time that the layer is applied: its inputs. */
  readonly inbound: readonly (readonly Inbound[])[];
}

/** A model of layers: those of a Sequential each take what the one before gives. */
export interface ModelConfig {
  readonly layers: readonly LayerConfig[];
  /** Undefined for a Sequential without an InputLayer, whose first layer takes the model's input. */
  readonly inputs: readonly Inbound[] | undefined;
  readonly outputs: readonly Inbound[];
}

const MODELS: ReadonlySet<string> = new Set(["Sequential", "Functional", "Model"]);

export function isModel(className: string): boolean {
  return MODELS.has(className);
}

const layerSchema = v.object({
  class_name: v.string(),
  name: v.optional(v.string()),
  config: v.unknown(),
  inbound_nodes: v.optional(v.array(v.unknown()), () => []),
});
const sequentialSchema = v.union([v.object({ layers: v.array(layerSchema) }), v.array(layerSchema)]);
const referencesSchema = v.union([v.tuple([v.string(), v.number(), v.number()]), v.array(v.tuple([v.string(), v.number(), v.number()]))]);
const functionalSchema = v.object({ layers: v.array(layerSchema), input_layers: referencesSchema, output_layers: referencesSchema });
const recordSchema = v.record(v.string(), v.unknown());
const namedSchema = v.object({ name: v.string() });
/** Name, node, tensor, and arguments beside. */
const inboundSchema = v.array(v.looseTuple([v.string(), v.number(), v.number()]));

/** @throws MODEL_MALFORMED for a config that is not one of Keras 2 or TensorFlow.js */
export function readModelConfig(className: string, config: unknown, what: string): ModelConfig {
  if (className === "Sequential") {
    const parsed = v.safeParse(sequentialSchema, config);
    if (!parsed.success) throw malformed(what, className, parsed.issues[0].message);
    const list = "layers" in parsed.output ? parsed.output.layers : parsed.output;
    let before: Inbound | undefined;
    const layers = list.map((layer) => {
      const read = layerOf(layer, before === undefined ? [] : [[before]], what);
      before = [read.name, 0, 0];
      return read;
    });
    const [first] = layers;
    if (first === undefined || before === undefined) throw malformed(what, className, "it has no layers");
    return { layers, inputs: first.className === "InputLayer" ? [[first.name, 0, 0]] : undefined, outputs: [before] };
  }
  const parsed = v.safeParse(functionalSchema, config);
  if (!parsed.success) throw malformed(what, className, parsed.issues[0].message);
  const layers = parsed.output.layers.map((layer) => layerOf(layer, layer.inbound_nodes.map((node) => inboundOf(node, layer.name ?? layer.class_name, what)), what));
  const [inputs, outputs] = [listOf(parsed.output.input_layers), listOf(parsed.output.output_layers)];
  // A model in the model counts its own making as the first time that it is applied, unless it was made without an input.
  const counts = new Set<string>();
  const references = [...layers.flatMap(({ inbound }) => inbound.flat()), ...outputs];
  for (const { name, className, inbound } of layers) if (isModel(className) && references.some(([to, node]) => to === name && node >= inbound.length)) counts.add(name);
  const counted = ([name, node, tensor]: Inbound): Inbound => [name, counts.has(name) ? node - 1 : node, tensor];
  return { layers: layers.map((layer) => ({ ...layer, inbound: layer.inbound.map((sources) => sources.map(counted)) })), inputs, outputs: outputs.map(counted) };
}

function layerOf({ class_name: className, name, config }: v.InferOutput<typeof layerSchema>, inbound: readonly (readonly Inbound[])[], what: string): LayerConfig {
  // A nested Sequential of old is its list of layers.
  const named = v.safeParse(namedSchema, config);
  const own = name ?? (named.success ? named.output.name : undefined);
  if (own === undefined) throw malformed(what, className, "a layer has no name");
  const record = v.safeParse(recordSchema, config);
  return { name: own, className, config: record.success && !Array.isArray(config) ? record.output : { layers: config }, inbound };
}

function inboundOf(node: unknown, layer: string, what: string): readonly Inbound[] {
  const parsed = v.safeParse(inboundSchema, node);
  if (!parsed.success) throw new AshoreError("MODEL_MALFORMED", `${what}: the inputs of the layer ${layer} are not written as Keras 2 and TensorFlow.js write them. Convert the Keras model with tensorflowjs_converter --output_format=tfjs_graph_model, or export it as a SavedModel.`);
  return parsed.output.map(([name, at, tensor, kwargs]) => {
    const odd = typeof kwargs === "object" && kwargs !== null ? Object.entries(kwargs).find(([key, value]) => key !== "training" && key !== "mask" && value !== null) : undefined;
    if (odd !== undefined) throw new AshoreError("MODEL_MALFORMED", `${what}: the layer ${layer} is called with the argument ${odd[0]}, which is not known here.`);
    return [name, at, tensor];
  });
}

function listOf(references: v.InferOutput<typeof referencesSchema>): readonly Inbound[] {
  const [first] = references;
  if (typeof first !== "string") return references as readonly Inbound[];
  // One reference that is not in a list, as Keras 3 writes it.
  return [references as Inbound];
}

function malformed(what: string, className: string, why: string): AshoreError {
  return new AshoreError("MODEL_MALFORMED", `${what}: the ${className} model in it does not make sense: ${why}.`);
}

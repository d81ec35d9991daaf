import { activate } from "./activations.ts";
import type { Flow, LayerGraph } from "./layer-graph.ts";
import type { LayerOptions } from "./layer-options.ts";

export interface LayerCall {
  readonly graph: LayerGraph;
  /** Its name, under which its weights are. */
  readonly name: string;
  readonly options: LayerOptions;
  readonly inputs: readonly [Flow, ...Flow[]];
}

/** Writes a layer's nodes: what it gives for its inputs, at prediction. */
export type Layer = (call: LayerCall) => Flow;

/** `x` after the activation that an option names. @throws MODEL_MALFORMED for one that is not known */
export function activated({ graph, options }: LayerCall, x: string, name = options.text("activation", "linear")): string {
  const done = activate(graph, x, name);
  if (done === undefined) throw options.refuse(`has the activation ${JSON.stringify(name)}, which is not known here`);
  return done;
}

/** `x` and the layer's bias, where it has one. */
export function biased({ graph, name, options }: LayerCall, x: string): string {
  return options.flag("use_bias", true) ? graph.node("BiasAdd", [x, graph.weight(name, "bias")]) : x;
}

/** An axis counted from the front. */
export function axisOf({ options, inputs: [x] }: LayerCall, axis: number): number {
  const from = axis < 0 ? axis + x.shape.length : axis;
  if (!Number.isInteger(from) || from < 0 || from >= x.shape.length) throw options.refuse(`has the axis ${axis} for an input of ${x.shape.length} axes`);
  return from;
}

/** @throws MODEL_MALFORMED for an input of another rank */
export function needRank({ options, inputs: [x] }: LayerCall, rank: number): void {
  if (x.shape.length !== rank) throw options.refuse(`takes inputs of ${rank} axes, and gets one of ${x.shape.length}`);
}

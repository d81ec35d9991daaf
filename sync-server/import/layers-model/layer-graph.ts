import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { elementCount, type Tensor } from "../../../protocol/tensor.ts";
import { boolAttr, intAttr, shapeAttr, typeAttr, type Attrs } from "../graph/attrs.ts";
import type { Graph } from "../graph/graph.ts";
import type { ImportedTensor } from "../imported-model.ts";

/** A tensor on its way through the layers: where it is, its shape (-1: not known before a request), its dtype. */
export interface Flow {
  readonly ref: string;
  readonly shape: readonly number[];
  readonly type: "DT_FLOAT" | "DT_INT32" | "DT_BOOL";
  /** Whether layers that look at masks would pass over some of it. */
  readonly masked?: boolean;
}

export const FLOAT: Attrs = { T: typeAttr("DT_FLOAT") };

/** Writes the graph of a layers model, node by node; names begin with the layer's. */
export class LayerGraph {
  readonly graph: Graph = { nodes: [], functions: [], constants: new Map() };
  readonly #names = new Set<string>();
  readonly #weights = new Map<string, ImportedTensor>();
  readonly #placed = new Map<string, string>();
  readonly #what: string;
  #layer = "";

  constructor(weights: readonly ImportedTensor[], what: string) {
    this.#what = what;
    for (const weight of weights) {
      this.#weights.set(weight.name, weight);
      // TensorFlow 2.2 put a cell's name between the layer's and the weight's.
      const parts = weight.name.split("/");
      const short = [...parts.slice(0, -2), ...parts.slice(-1)].join("/");
      if (parts.length > 2 && !this.#weights.has(short)) this.#weights.set(short, weight);
    }
  }

  /** Nodes that follow belong to this layer. */
  enter(layer: string): void {
    this.#layer = layer;
  }

  node(op: string, inputs: readonly string[], attrs: Attrs = FLOAT, name = `${this.#layer}/${op}`): string {
    let unique = name;
    for (let n = 1; this.#names.has(unique); n++) unique = `${name}_${n}`;
    this.#names.add(unique);
    if (this.graph.nodes.length >= LIMITS.graphNodes) throw new AshoreError("LIMIT_EXCEEDED", `${this.#what} needs a graph of more than ${LIMITS.graphNodes} nodes.`);
    this.graph.nodes.push({ name: unique, op, inputs: [...inputs], attrs });
    return unique;
  }

  ints(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#constant({ dtype: "int32", shape, data: Int32Array.from(values) }, "DT_INT32");
  }

  floats(values: readonly number[], shape: readonly number[] = []): string {
    return this.#constant({ dtype: "float32", shape, data: Float32Array.from(values) }, "DT_FLOAT");
  }

  /** A layer's weight as it is stored, once however often the layer is used. @throws MODEL_MALFORMED where it is missing or of another shape */
  weight(layer: string, name: string, shape?: readonly number[]): string {
    const weight = this.#weights.get(`${layer}/${name}`);
    if (weight === undefined) throw new AshoreError("MODEL_MALFORMED", `${this.#what} has no weight ${layer}/${name}, which its layer ${layer} needs.`);
    if (shape !== undefined && shape.join() !== weight.shape.join()) {
      throw new AshoreError("MODEL_MALFORMED", `${this.#what}: the weight ${weight.name} has the shape [${weight.shape}]; its layer needs [${shape}].`);
    }
    let placed = this.#placed.get(weight.name);
    if (placed === undefined) {
      placed = this.node("Const", [], { dtype: typeAttr("DT_FLOAT") }, weight.name);
      this.graph.constants.set(placed, { kind: "stored", tensor: weight });
      this.#placed.set(weight.name, placed);
    }
    return placed;
  }

  /** The shape of a layer's weight; undefined where there is none. */
  weightShape(layer: string, name: string): readonly number[] | undefined {
    return this.#weights.get(`${layer}/${name}`)?.shape;
  }

  /** Reshapes to sizes of which -1 are those of the same axis of `x`. */
  reshape(x: string, shape: readonly number[], like: string = x): string {
    const attrs = { ...FLOAT, Tshape: typeAttr("DT_INT32") };
    if (shape.filter((size) => size < 0).length <= 1) return this.node("Reshape", [x, this.ints(shape)], attrs);
    const sizes = this.node("Shape", [like], { ...FLOAT, out_type: typeAttr("DT_INT32") });
    const parts = shape.map((size, axis) => (size < 0 ? this.#element(sizes, axis) : this.ints([size], [])));
    return this.node("Reshape", [x, this.node("Pack", parts, { T: typeAttr("DT_INT32"), N: intAttr(parts.length), axis: intAttr(0) })], attrs);
  }

  /** A reduction over axes. */
  reduce(op: "Mean" | "Max" | "Sum", x: string, axes: readonly number[], keep: boolean): string {
    return this.node(op, [x, this.ints(axes)], { ...FLOAT, Tidx: typeAttr("DT_INT32"), keep_dims: boolAttr(keep) });
  }

  #element(vector: string, at: number): string {
    const masks = { begin_mask: intAttr(0), end_mask: intAttr(0), ellipsis_mask: intAttr(0), new_axis_mask: intAttr(0), shrink_axis_mask: intAttr(1) };
    return this.node("StridedSlice", [vector, this.ints([at]), this.ints([at + 1]), this.ints([1])], { T: typeAttr("DT_INT32"), Index: typeAttr("DT_INT32"), ...masks });
  }

  #constant(tensor: Tensor, type: string): string {
    if (elementCount(tensor.shape) !== tensor.data.length) throw new AshoreError("INTERNAL", `A constant of shape [${tensor.shape}] has ${tensor.data.length} elements.`);
    const name = this.node("Const", [], { dtype: typeAttr(type), shape: shapeAttr(tensor.shape) });
    this.graph.constants.set(name, { kind: "dense", tensor });
    return name;
  }
}

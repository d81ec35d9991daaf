import { intAttr, typeAttr } from "../graph/attrs.ts";
import { axisOf, type Layer, type LayerCall } from "./layer.ts";
import { FLOAT } from "./layer-graph.ts";

/** One op between each two of the inputs. */
function pairwise(op: string, after: (call: LayerCall, ref: string) => string = (_, ref) => ref): Layer {
  return (call) => {
    const { graph, options, inputs } = call;
    const [first, ...others] = inputs;
    if (others.length === 0 || (op === "Sub" && others.length !== 1)) throw options.refuse(`has ${inputs.length} inputs`);
    if (others.some(({ shape }) => shape.length !== first.shape.length)) throw options.refuse("has inputs of different numbers of axes");
    const ref = others.reduce((sum, other) => graph.node(op, [sum, other.ref]), first.ref);
    // A size of 1 is repeated, as long as the other is.
    const shape = first.shape.map((size, axis) => others.reduce((wide, other) => (wide === 1 ? (other.shape[axis] ?? wide) : wide), size));
    return { ...first, ref: after(call, ref), shape };
  };
}

const concatenate: Layer = (call) => {
  const { graph, options, inputs } = call;
  const [first] = inputs;
  const axis = axisOf(call, options.number("axis", -1));
  const sizes = inputs.map(({ shape }) => shape[axis] ?? -1);
  const ref = graph.node("ConcatV2", [...inputs.map((input) => input.ref), graph.ints([axis], [])], { ...FLOAT, Tidx: typeAttr("DT_INT32"), N: intAttr(inputs.length) });
  return { ...first, ref, shape: first.shape.map((size, at) => (at !== axis ? size : sizes.some((one) => one < 0) ? -1 : sizes.reduce((sum, one) => sum + one, 0))) };
};

export const MERGES: Readonly<Record<string, Layer>> = {
  Add: pairwise("AddV2"), Subtract: pairwise("Sub"), Multiply: pairwise("Mul"), Maximum: pairwise("Maximum"), Minimum: pairwise("Minimum"),
  Average: pairwise("AddV2", ({ graph, inputs }, sum) => graph.node("Mul", [sum, graph.floats([1 / inputs.length])])),
  Concatenate: concatenate,
};

import { typeAttr } from "../graph/attrs.ts";
import { FLOAT, type LayerGraph } from "./layer-graph.ts";

/** One op each. */
const OPS: Readonly<Record<string, string>> = {
  relu: "Relu", relu6: "Relu6", sigmoid: "Sigmoid", softmax: "Softmax", tanh: "Tanh", elu: "Elu", selu: "Selu", softplus: "Softplus", log_softmax: "LogSoftmax", exponential: "Exp",
};

/** x after an activation function, by the name that Keras has for it; undefined for one that is not known. */
export function activate(graph: LayerGraph, x: string, name: string): string | undefined {
  const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (key === "linear") return x;
  const op = Object.hasOwn(OPS, key) ? OPS[key] : undefined;
  if (op !== undefined) return graph.node(op, [x]);
  const mul = (a: string, b: string): string => graph.node("Mul", [a, b]);
  const add = (a: string, b: string): string => graph.node("AddV2", [a, b]);
  const number = (value: number): string => graph.floats([value]);
  switch (key) {
    case "softsign":
      return graph.node("RealDiv", [x, add(graph.node("Abs", [x]), number(1))]);
    case "hard_sigmoid":
      return graph.node("Minimum", [graph.node("Maximum", [add(mul(x, number(0.2)), number(0.5)), number(0)]), number(1)]);
    case "swish":
    case "silu":
      return mul(x, graph.node("Sigmoid", [x]));
    case "mish":
      return mul(x, graph.node("Tanh", [graph.node("Softplus", [x])]));
    case "gelu":
      return mul(mul(x, number(0.5)), add(graph.node("Erf", [mul(x, number(Math.SQRT1_2))]), number(1)));
    case "gelu_new": {
      const inner = mul(number(Math.sqrt(2 / Math.PI)), add(x, mul(number(0.044715), mul(x, mul(x, x)))));
      return mul(mul(x, number(0.5)), add(graph.node("Tanh", [inner]), number(1)));
    }
    default:
      return undefined;
  }
}

/** x where it is above `threshold`, else 0. */
export function above(graph: LayerGraph, x: string, threshold: number): string {
  const kept = graph.node("Greater", [x, graph.floats([threshold])]);
  return graph.node("Mul", [x, graph.node("Cast", [kept], { SrcT: typeAttr("DT_BOOL"), DstT: typeAttr("DT_FLOAT") })], FLOAT);
}

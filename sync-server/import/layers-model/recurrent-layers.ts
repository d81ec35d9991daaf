import { LIMITS } from "../../../protocol/limits.ts";
import { intAttr, typeAttr } from "../graph/attrs.ts";
import { activated, needRank, type Layer, type LayerCall } from "./layer.ts";
import { FLOAT, type Flow } from "./layer-graph.ts";

/** What a cell remembers from one step to the next; before the first step all of it is 0. */
interface Memory {
  readonly output: string;
  readonly carry?: string;
}

/** One step: `x` is the step's input times the kernel, with the bias, for every gate beside each other. */
type Cell = (call: LayerCall, x: string, before: Memory | undefined) => Memory;

const gate = (call: LayerCall, x: string): string => activated(call, x, call.options.text("recurrent_activation", "hard_sigmoid"));
const active = (call: LayerCall, x: string): string => activated(call, x, call.options.text("activation", "tanh"));
const mul = ({ graph }: LayerCall, a: string, b: string): string => graph.node("Mul", [a, b]);
const add = ({ graph }: LayerCall, a: string, b: string): string => graph.node("AddV2", [a, b]);

/** Parts of equal width of the last axis. */
function split({ graph }: LayerCall, x: string, parts: number): readonly string[] {
  const node = graph.node("Split", [graph.ints([1], []), x], { ...FLOAT, num_split: intAttr(parts) });
  return Array.from({ length: parts }, (_, at) => (at === 0 ? node : `${node}:${at}`));
}

function recurrent({ graph, name, options }: LayerCall, gates: number): string {
  const units = options.number("units", 0);
  return graph.weight(name, "recurrent_kernel", [units, gates * units]);
}

const simple: Cell = (call, x, before) => ({ output: active(call, before === undefined ? x : add(call, x, call.graph.node("MatMul", [before.output, recurrent(call, 1)]))) });

const lstm: Cell = (call, x, before) => {
  const [i = "", f = "", c = "", o = ""] = split(call, before === undefined ? x : add(call, x, call.graph.node("MatMul", [before.output, recurrent(call, 4)])), 4);
  const fresh = mul(call, gate(call, i), active(call, c));
  const carry = before?.carry === undefined ? fresh : add(call, mul(call, gate(call, f), before.carry), fresh);
  return { output: mul(call, gate(call, o), active(call, carry)), carry };
};

/** The one with the reset gate before the product, which is what TensorFlow.js has. */
const gru: Cell = (call, x, before) => {
  const { graph } = call;
  call.options.only("reset_after", false);
  const [xz = "", xr = "", xh = ""] = split(call, x, 3);
  const rest = (z: string): string => graph.node("Sub", [graph.floats([1]), z]);
  if (before === undefined) return { output: mul(call, rest(gate(call, xz)), active(call, xh)) };
  const [uz = "", ur = "", uh = ""] = split(call, recurrent(call, 3), 3);
  const times = (a: string, b: string): string => graph.node("MatMul", [a, b]);
  const z = gate(call, add(call, xz, times(before.output, uz)));
  const r = gate(call, add(call, xr, times(before.output, ur)));
  const fresh = active(call, add(call, xh, times(mul(call, r, before.output), uh)));
  return { output: add(call, mul(call, z, before.output), mul(call, rest(z), fresh)) };
};

/** The cell's nodes for each step one after the other: the number of steps must be known. */
function unrolled(cell: Cell, gates: number): Layer {
  return (call): Flow => {
    const { graph, name, options, inputs: [x] } = call;
    needRank(call, 3);
    for (const off of ["return_state", "stateful", "time_major", "zero_output_for_mask"]) options.only(off, false);
    for (const harmless of ["unroll", "implementation", "dropout", "recurrent_dropout", "unit_forget_bias", "use_cudnn"]) options.raw(harmless);
    const [batch = -1, steps = -1, size = -1] = x.shape;
    if (call.inputs.length > 1) throw options.refuse("is given a state to begin with");
    if (x.masked === true) throw options.refuse("takes what an Embedding with mask_zero masks, which is not known here");
    if (steps < 1 || steps > LIMITS.unrolledSteps) throw options.refuse(`takes sequences of ${steps < 0 ? "any length" : `${steps} steps`}; up to ${LIMITS.unrolledSteps} steps, which the model says, are taken`);
    const units = options.number("units", 0);
    const kernel = graph.weight(name, "kernel", [size, gates * units]);
    const product = graph.node("MatMul", [graph.reshape(x.ref, [-1, size]), kernel]);
    const fed = options.flag("use_bias", true) ? graph.node("BiasAdd", [product, graph.weight(name, "bias", [gates * units])]) : product;
    const all = graph.node("Unpack", [graph.reshape(fed, [-1, steps, gates * units])], { ...FLOAT, num: intAttr(steps), axis: intAttr(1) });
    const order = Array.from({ length: steps }, (_, step) => (step === 0 ? all : `${all}:${step}`));
    if (options.flag("go_backwards", false)) order.reverse();
    let memory: Memory | undefined;
    const outputs = order.map((input) => (memory = cell(call, input, memory)).output);
    if (!options.flag("return_sequences", false)) return { ...x, ref: outputs.at(-1) ?? "", shape: [batch, units] };
    return { ...x, ref: graph.node("Pack", outputs, { T: typeAttr("DT_FLOAT"), N: intAttr(steps), axis: intAttr(1) }), shape: [batch, steps, units] };
  };
}

export const RECURRENT: Readonly<Record<string, Layer>> = { SimpleRNN: unrolled(simple, 1), LSTM: unrolled(lstm, 4), GRU: unrolled(gru, 3) };

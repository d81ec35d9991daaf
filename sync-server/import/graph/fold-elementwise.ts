import { elementCount } from "../../../protocol/tensor.ts";
import { bools, floats, ints, pick, reshaped, valueFrom, type Value } from "./fold-value.ts";
import type { Kernels } from "./fold-kernels.ts";

type Number1 = (x: number) => number;
type Number2 = (x: number, y: number) => number;

/** Of floats: each result is the exact one, rounded to float32, but for `exp` and its like, which are as exact as JavaScript's. */
const UNARY: Readonly<Record<string, Number1>> = {
  Abs: Math.abs,
  Neg: (x) => -x,
  Square: (x) => x * x,
  Sqrt: Math.sqrt,
  Rsqrt: (x) => 1 / Math.sqrt(x),
  Reciprocal: (x) => 1 / x,
  Exp: Math.exp,
  Log: Math.log,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Sign: Math.sign,
  Sin: Math.sin,
  Cos: Math.cos,
  Tanh: Math.tanh,
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Relu: (x) => (x > 0 ? x : Number.isNaN(x) ? x : 0),
  Relu6: (x) => (Number.isNaN(x) ? x : Math.min(Math.max(x, 0), 6)),
};

const UNARY_INT: Readonly<Record<string, Number1>> = {
  Abs: (x) => Math.abs(x) | 0,
  Neg: (x) => -x | 0,
  Square: (x) => Math.imul(x, x),
  Sign: Math.sign,
};

const add: Number2 = (x, y) => x + y;
const multiply: Number2 = (x, y) => x * y;
const larger: Number2 = (x, y) => (x > y || Number.isNaN(x) ? x : y);
const smaller: Number2 = (x, y) => (x < y || Number.isNaN(x) ? x : y);

const BINARY: Readonly<Record<string, Number2>> = {
  Add: add,
  AddV2: add,
  BiasAdd: add,
  Sub: (x, y) => x - y,
  Mul: multiply,
  RealDiv: (x, y) => x / y,
  Div: (x, y) => x / y,
  DivNoNan: (x, y) => (y === 0 ? 0 : x / y),
  Maximum: larger,
  Minimum: smaller,
  Pow: Math.pow,
  // A float's difference is rounded before it is squared, as TensorFlow does.
  SquaredDifference: (x, y) => Math.fround(x - y) ** 2,
};

const addInt: Number2 = (x, y) => (x + y) | 0;

const BINARY_INT: Readonly<Record<string, Number2>> = {
  Add: addInt,
  AddV2: addInt,
  BiasAdd: addInt,
  Sub: (x, y) => (x - y) | 0,
  Mul: Math.imul,
  FloorDiv: (x, y) => Math.floor(x / y) | 0,
  FloorMod: (x, y) => (x - y * Math.floor(x / y)) | 0,
  Maximum: Math.max,
  Minimum: Math.min,
};
const DIVISIONS: ReadonlySet<string> = new Set(["FloorDiv", "FloorMod"]);

const COMPARISONS: Readonly<Record<string, (x: number, y: number) => boolean>> = {
  Equal: (x, y) => x === y,
  NotEqual: (x, y) => x !== y,
  Less: (x, y) => x < y,
  LessEqual: (x, y) => x <= y,
  Greater: (x, y) => x > y,
  GreaterEqual: (x, y) => x >= y,
};

const LOGICAL: Readonly<Record<string, Number2>> = { LogicalAnd: (x, y) => x & y, LogicalOr: (x, y) => x | y };

/** Ops that compute each element by itself, inputs broadcast as NumPy does. */
export const elementwiseKernels: Kernels = {
  ...each(Object.keys(UNARY), (op) => ([x]) => (x === undefined ? undefined : unary(op, x))),
  ...each(Object.keys(BINARY), (op) => ([x, y], { limit }) => (x === undefined || y === undefined ? undefined : binary(op, x, y, limit))),
  // Of floats TF.js makes integers there.
  ...each([...DIVISIONS], (op) => ([x, y], { limit }) => (x?.dtype === "int32" && y?.dtype === "int32" ? binary(op, x, y, limit) : undefined)),
  ...each(Object.keys(COMPARISONS), (op) => ([x, y], { limit }) => (x === undefined || y === undefined ? undefined : compare(op, x, y, limit))),
  ...each(Object.keys(LOGICAL), (op) => ([x, y], { limit }) => {
    const run = LOGICAL[op];
    const wide = x?.dtype === "bool" && y?.dtype === "bool" ? broadcast(x, y, limit) : undefined;
    return wide === undefined || run === undefined ? undefined : bools(wide.shape, Uint8Array.from({ length: wide.count }, (_, i) => run(wide.x(i), wide.y(i))));
  }),
  LogicalNot: ([x]) => (x?.dtype === "bool" ? bools(x.shape, x.data.map((value) => 1 - value)) : undefined),
  SelectV2: ([condition, x, y], { limit }) => (condition === undefined || x === undefined || y === undefined ? undefined : select(condition, x, y, limit)),
  Select: ([condition, x, y], { limit }) => {
    if (condition === undefined || x === undefined || y === undefined) return undefined;
    // The first version of the op takes a vector as the condition of whole rows.
    return condition.shape.length === x.shape.length || condition.shape.length === 0 ? select(condition, x, y, limit) : undefined;
  },
};

function each(ops: readonly string[], kernel: (op: string) => Kernels[string]): Kernels {
  return Object.fromEntries(ops.map((op) => [op, kernel(op)]));
}

function unary(op: string, x: Value): Value | undefined {
  if (x.dtype === "float32") {
    const run = UNARY[op];
    return run === undefined ? undefined : floats(x.shape, x.data.map((value) => run(value)));
  }
  const run = x.dtype === "int32" ? UNARY_INT[op] : undefined;
  return run === undefined ? undefined : ints(x.shape, Int32Array.from(x.data, run));
}

function binary(op: string, x: Value, y: Value, limit: number): Value | undefined {
  if (x.dtype !== y.dtype || x.dtype === "bool") return undefined;
  const run = x.dtype === "float32" ? BINARY[op] : BINARY_INT[op];
  const wide = broadcast(x, y, limit);
  if (run === undefined || wide === undefined) return undefined;
  if (x.dtype === "int32" && DIVISIONS.has(op) && y.data.includes(0)) return undefined;
  const { shape, count } = wide;
  if (x.dtype === "int32") return ints(shape, Int32Array.from({ length: count }, (_, i) => run(wide.x(i), wide.y(i))));
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = run(wide.x(i), wide.y(i));
  return floats(shape, data);
}

function compare(op: string, x: Value, y: Value, limit: number): Value | undefined {
  const run = COMPARISONS[op];
  const wide = x.dtype === y.dtype ? broadcast(x, y, limit) : undefined;
  if (run === undefined || wide === undefined) return undefined;
  return bools(wide.shape, Uint8Array.from({ length: wide.count }, (_, i) => (run(wide.x(i), wide.y(i)) ? 1 : 0)));
}

function select(condition: Value, x: Value, y: Value, limit: number): Value | undefined {
  if (condition.dtype !== "bool" || x.dtype !== y.dtype) return undefined;
  const branches = broadcastShape(x.shape, y.shape);
  const shape = branches === undefined ? undefined : broadcastShape(condition.shape, branches);
  if (shape === undefined || elementCount(shape) > limit) return undefined;
  const read = (value: Value): ((i: number) => number) => reader(value, shape);
  const [when, then, otherwise] = [read(condition), read(x), read(y)];
  return valueFrom(x.dtype, shape, Array.from({ length: elementCount(shape) }, (_, i) => (when(i) === 1 ? then(i) : otherwise(i))));
}

interface Broadcast {
  readonly shape: readonly number[];
  readonly count: number;
  x(i: number): number;
  y(i: number): number;
}

function broadcast(x: Value, y: Value, limit: number): Broadcast | undefined {
  const shape = broadcastShape(x.shape, y.shape);
  if (shape === undefined) return undefined;
  const count = elementCount(shape);
  return count > limit ? undefined : { shape, count, x: reader(x, shape), y: reader(y, shape) };
}

function reader({ data, shape: own }: Value, shape: readonly number[]): (i: number) => number {
  if (data.length === elementCount(shape)) return (i) => data[i] ?? 0;
  if (data.length === 1) return () => data[0] ?? 0;
  const places = placesIn(own, shape);
  return (i) => data[places[i] ?? 0] ?? 0;
}

/** NumPy's rule; undefined where the shapes do not go together. */
export function broadcastShape(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const m = a[axis - rank + a.length] ?? 1;
    const n = b[axis - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) return undefined;
    shape.push(m === 1 ? n : m);
  }
  return shape;
}

/** For each element of the broadcast shape its place in a tensor of the narrower one. */
export function placesIn(narrow: readonly number[], wide: readonly number[]): Int32Array {
  const places = new Int32Array(elementCount(wide));
  let inner = 1;
  let step = 1;
  for (let axis = wide.length - 1; axis >= 0; axis--) {
    const size = wide[axis] ?? 1;
    const own = narrow[axis - wide.length + narrow.length] ?? 1;
    if (own > 1) for (let i = 0; i < places.length; i++) places[i] = (places[i] ?? 0) + (Math.floor(i / inner) % size) * step;
    inner *= size;
    step *= own;
  }
  return places;
}

/** `BroadcastTo`. */
export function broadcastTo(x: Value, shape: readonly number[]): Value | undefined {
  const wide = broadcastShape(x.shape, shape);
  if (wide === undefined || String(wide) !== String(shape)) return undefined;
  return elementCount(shape) === x.data.length ? reshaped(x, shape) : pick(x, shape, placesIn(x.shape, shape));
}

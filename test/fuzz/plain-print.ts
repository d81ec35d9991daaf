import type { Tensor } from "../../protocol/tensor.ts";
import { quoted } from "./plain-rest.ts";

/** Answers as section 6 of the REST specification lays them out, a second time; floats by exact integers. */

/** Text of an element, an array, or an object of `{"b64": …}`. */
type Node = string | readonly Node[] | { readonly b64: string };

/** What TensorFlow Serving writes; undefined where it refuses. */
export function plainAnswer(outputs: Readonly<Record<string, Tensor>>, format: "row" | "columnar"): string | undefined {
  const named = Object.entries(outputs);
  const nodes = named.map(([name, tensor]) => nodeOf(name, tensor));
  if (format === "columnar") {
    const [only] = nodes;
    if (named.length === 1 && only !== undefined) return `{\n    "outputs": ${tall(only, 1)}\n}`;
    return `{\n    "outputs": {${named.map(([name], index) => `\n        ${quoted(latin1(name))}: ${tall(nodes[index] ?? "", 2)}`).join(",")}\n    }\n}`;
  }
  const batch = named[0]?.[1].shape[0] ?? -1;
  if (named.some(([, { shape }]) => shape[0] !== batch)) return undefined;
  const rowsOf = nodes.map((node) => node as readonly Node[]);
  const rows = Array.from({ length: batch }, (_, row) => {
    if (named.length === 1) return flat(rowsOf[0]?.[row] ?? "", 2);
    return `\n        {${named.map(([name], index) => `\n            ${quoted(latin1(name))}: ${flat(rowsOf[index]?.[row] ?? "", 3)}`).join(",")}\n        }`;
  });
  return `{\n    "predictions": [${rows.join(named.length === 1 ? ", " : ",")}${batch === 0 ? "" : "\n    "}]\n}`;
}

function nodeOf(name: string, { dtype, shape, data }: Tensor): Node {
  const element = (at: number): Node => {
    const value = (data as ArrayLike<unknown>)[at];
    if (value instanceof Uint8Array) return name.endsWith("_bytes") ? { b64: Buffer.from(value).toString("base64") } : quoted(Buffer.from(value).toString("latin1"));
    if (dtype === "bool") return value === 0 ? "false" : "true";
    return typeof value === "number" && (dtype === "float32" || dtype === "float64") ? exactDecimal(value, dtype) : String(value);
  };
  const level = (depth: number, from: number): Node => {
    const [size, ...inner] = shape.slice(depth);
    const stride = inner.reduce((product, one) => product * one, 1);
    return size === undefined ? element(from) : Array.from({ length: size }, (_, at) => level(depth + 1, from + at * stride));
  };
  return level(0, 0);
}

const line = (depth: number): string => `\n${"    ".repeat(depth)}`;

function tall(node: Node, depth: number): string {
  if (!Array.isArray(node)) return flat(node, depth);
  const items = node as readonly Node[];
  return items.length === 0 ? "[]" : `[${items.map((item) => line(depth + 1) + tall(item, depth + 1)).join(",")}${line(depth)}]`;
}

function flat(node: Node, depth: number): string {
  if (typeof node === "string") return node;
  if ("b64" in node) return `{${line(depth + 1)}"b64": "${node.b64}"${line(depth)}}`;
  return `[${node.map((item) => flat(item, depth + 1)).join(", ")}]`;
}

/** `%.6g` if that reads back, else `%.9g` or `%.17g`; `.0` behind what looks whole. */
export function exactDecimal(value: number, dtype: "float32" | "float64"): string {
  if (!Number.isFinite(value)) return String(value);
  const short = exactG(value, 6);
  const readBack = dtype === "float32" ? Math.fround(Number(short)) : Number(short);
  const text = readBack === value ? short : exactG(value, dtype === "float32" ? 9 : 17);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** C's `%.{precision}g`: the nearest decimal, of two the even one. */
function exactG(value: number, precision: number): string {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (value === 0) return `${sign}0`;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = (bits & (2n ** 52n - 1n)) + (biased === 0 ? 0n : 2n ** 52n);
  const twos = BigInt(Math.max(biased, 1) - 1075);
  const [over, under] = twos >= 0n ? [fraction << twos, 1n] : [fraction, 1n << -twos];
  // The exponent of the first digit: over / under is at least 10^exponent and less than ten times that.
  let exponent = String(over).length - String(under).length;
  if (exponent >= 0 ? over < under * 10n ** BigInt(exponent) : over * 10n ** BigInt(-exponent) < under) exponent--;
  const shift = precision - 1 - exponent;
  const [top, bottom] = shift >= 0 ? [over * 10n ** BigInt(shift), under] : [over, under * 10n ** BigInt(-shift)];
  let digits = top / bottom;
  const twice = (top % bottom) * 2n;
  if (twice > bottom || (twice === bottom && digits % 2n === 1n)) digits++;
  let text = String(digits);
  if (text.length > precision) {
    text = text.slice(0, -1);
    exponent++;
  }
  const kept = text.replace(/0+$/, "");
  if (exponent < -4 || exponent >= precision) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${kept.slice(0, 1)}${kept.length > 1 ? `.${kept.slice(1)}` : ""}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${kept}`;
  const whole = kept.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}${kept.length > exponent + 1 ? `.${kept.slice(exponent + 1)}` : ""}`;
}

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

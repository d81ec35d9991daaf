import type { Attrs, AttrValue, ShapeProto } from "../../graph/attrs.ts";
import { dataTypeName } from "./data-types.ts";
import type { ProtoReader } from "./proto-reader.ts";

/** An AttrValue in the JSON form of proto3, or the bytes of the TensorProto that it holds; neither for a placeholder. */
export interface ReadAttr {
  value?: AttrValue;
  tensor?: Uint8Array<ArrayBuffer>;
}

/** Reads an AttrValue (tensorflow/core/framework/attr_value.proto). */
export function readAttrValue(proto: ProtoReader): ReadAttr {
  const attr: ReadAttr = {};
  proto.message((field) => {
    if (field === 1) attr.value = { list: readList(proto) };
    else if (field === 2) attr.value = { s: base64(proto.bytes()) };
    else if (field === 3) attr.value = { i: String(proto.int64()) };
    else if (field === 4) attr.value = { f: floatInJson(proto.float()) };
    else if (field === 5) attr.value = { b: proto.bool() };
    else if (field === 6) attr.value = { type: dataTypeName(proto.int()) };
    else if (field === 7) attr.value = { shape: readShape(proto) };
    else if (field === 8) attr.tensor = proto.bytes();
    else if (field === 10) attr.value = { func: readFunc(proto) };
  });
  return attr;
}

/** Reads an entry of a map of attributes into `attrs`; what a tensor is goes into `tensors`, if that is asked for. */
export function readAttrEntry(proto: ProtoReader, attrs: Map<string, AttrValue>, tensors?: Map<string, Uint8Array<ArrayBuffer>>): void {
  const [name, { value, tensor }] = proto.entry(() => readAttrValue(proto), (): ReadAttr => ({}));
  if (value !== undefined) attrs.set(name, value);
  if (tensor !== undefined) tensors?.set(name, tensor);
}

/** Reads a TensorShapeProto: an unknown size is -1. */
export function readShape(proto: ProtoReader): ShapeProto {
  const dim: { size: string }[] = [];
  let unknownRank = false;
  proto.message((field) => {
    if (field === 2) {
      let size = "0";
      proto.message((inner) => {
        if (inner === 1) size = String(proto.int64());
      });
      dim.push({ size });
    } else if (field === 3) unknownRank = proto.bool();
  });
  return unknownRank ? { unknownRank } : { dim };
}

function readFunc(proto: ProtoReader): { name: string; attr?: Attrs } {
  let name = "";
  const attrs = new Map<string, AttrValue>();
  proto.message((field) => {
    if (field === 1) name = proto.string();
    else if (field === 2) readAttrEntry(proto, attrs);
  });
  return attrs.size === 0 ? { name } : { name, attr: Object.fromEntries(attrs) };
}

function readList(proto: ProtoReader): NonNullable<AttrValue["list"]> {
  const s: string[] = [];
  const i: string[] = [];
  const f: number[] = [];
  const b: boolean[] = [];
  const type: string[] = [];
  const shape: ShapeProto[] = [];
  const func: { name: string }[] = [];
  proto.message((field) => {
    if (field === 2) s.push(base64(proto.bytes()));
    else if (field === 3) proto.packed("varint", () => i.push(String(proto.int64())));
    else if (field === 4) proto.packed("fixed32", () => f.push(shortestFloat32(proto.float())));
    else if (field === 5) proto.packed("varint", () => b.push(proto.bool()));
    else if (field === 6) proto.packed("varint", () => type.push(dataTypeName(proto.int())));
    else if (field === 7) shape.push(readShape(proto));
    else if (field === 9) func.push(readFunc(proto));
  });
  const lists = { s, i, f, b, type, shape, func };
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
}

function base64(bytes: Uint8Array<ArrayBuffer>): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function floatInJson(x: number): NonNullable<AttrValue["f"]> {
  if (Number.isNaN(x)) return "NaN";
  if (x === Infinity) return "Infinity";
  return x === -Infinity ? "-Infinity" : shortestFloat32(x);
}

/** The double with the fewest digits that is this float32: 0.001, not 0.0010000000474974513. */
function shortestFloat32(x: number): number {
  for (let digits = 6; digits <= 8; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === x) return short;
  }
  return x;
}

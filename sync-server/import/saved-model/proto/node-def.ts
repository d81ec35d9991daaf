import type { AttrValue } from "../../graph/attrs.ts";
import type { GraphNode } from "../../graph/graph.ts";
import { readAttrEntry } from "./attr-value.ts";
import type { ProtoReader } from "./proto-reader.ts";

/** A node as it was written, and the TensorProto of a Const's `value`. */
export interface ReadNode extends GraphNode {
  readonly value?: Uint8Array<ArrayBuffer>;
}

/** Reads a NodeDef (tensorflow/core/framework/node_def.proto), without its device. */
export function readNodeDef(proto: ProtoReader): ReadNode {
  let name = "";
  let op = "";
  const inputs: string[] = [];
  const attrs = new Map<string, AttrValue>();
  const tensors = new Map<string, Uint8Array<ArrayBuffer>>();
  proto.message((field) => {
    if (field === 1) name = proto.string();
    else if (field === 2) op = proto.string();
    else if (field === 3) inputs.push(proto.string());
    else if (field === 5) readAttrEntry(proto, attrs, tensors);
  });
  const value = op === "Const" ? (tensors.get("value") ?? new Uint8Array()) : undefined;
  return { name, op, inputs, attrs: Object.fromEntries(attrs), ...(value === undefined ? {} : { value }) };
}

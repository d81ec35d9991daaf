import type { Tensor } from "../tensor.ts";
import { ByteWriter } from "./byte-writer.ts";
import { rawBytes } from "./raw-text.ts";
import type { Example, Examples, Feature } from "./read-examples.ts";

/**
 * The examples as a model's string input takes them: one serialized `tf.Example` each (tensorflow/core/example), the
 * context's own bytes in front, as TensorFlow Serving joins them.
 */
export function serializeExamples({ context, examples }: Examples): Tensor {
  const front = context === undefined ? new Uint8Array() : serialize(context);
  const data = examples.map((example) => {
    const out = new ByteWriter(front.length + 64);
    out.raw(front);
    out.raw(serialize(example));
    return out.finish();
  });
  return { dtype: "string", shape: [data.length], data };
}

// Field 1 of Example is Features, whose field 1 is the map's entries: a name (1) and a Feature (2).
function serialize(example: Example): Uint8Array {
  const entries = new ByteWriter(64);
  for (const [name, feature] of example) {
    const entry = new ByteWriter(64);
    putField(entry, 1, rawBytes(name));
    putField(entry, 2, serializeFeature(feature));
    putField(entries, 1, entry.finish());
  }
  const out = new ByteWriter(entries.length + 8);
  putField(out, 1, entries.finish());
  return out.finish();
}

/** Field 1, 2 or 3 of Feature is a list of bytes, floats or int64s, whose field 1 is the values: floats and int64s packed. */
function serializeFeature(feature: Feature): Uint8Array {
  const list = new ByteWriter(64);
  switch (feature.kind) {
    case "none":
      return new Uint8Array();
    case "bytes":
      for (const value of feature.values) putField(list, 1, value);
      break;
    case "float": {
      const view = new DataView(new ArrayBuffer(feature.values.length * 4));
      feature.values.forEach((value, index) => view.setFloat32(index * 4, value, true));
      putField(list, 1, new Uint8Array(view.buffer));
      break;
    }
    case "int64": {
      const values = new ByteWriter(16);
      for (const value of feature.values) putVarint(values, BigInt.asUintN(64, value));
      putField(list, 1, values.finish());
      break;
    }
  }
  const out = new ByteWriter(list.length + 8);
  putField(out, { bytes: 1, float: 2, int64: 3 }[feature.kind], list.finish());
  return out.finish();
}

/** A length-delimited field of protobuf's wire format. */
function putField(out: ByteWriter, field: number, bytes: Uint8Array): void {
  out.byte((field << 3) | 2);
  putVarint(out, BigInt(bytes.length));
  out.raw(bytes);
}

function putVarint(out: ByteWriter, value: bigint): void {
  let left = value;
  for (; left > 0x7fn; left >>= 7n) out.byte(Number(left & 0x7fn) | 0x80);
  out.byte(Number(left));
}

import type { ModelName } from "../protocol/names.ts";
import type { Tensor } from "../protocol/tensor.ts";
import type { Connection } from "./connection.ts";
import type { Answer, ModelSelection, NestedValue, PredictOptions } from "./types.ts";

type Inputs = Readonly<Record<string, Tensor | NestedValue>>;

/** One inference, by message: typed arrays travel as they are, nested arrays are read where the signature def is known. */
export async function predictBy({ asker }: Connection, model: ModelName, { version, label }: ModelSelection, inputs: Inputs, { signal, signatureDef, transfer = false }: PredictOptions = {}): Promise<Answer> {
  const sent = Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, whole(value)]));
  const given = transfer ? [...new Set(Object.values(sent).flatMap(buffersOf))] : undefined;
  const { outputs, version: by, servedBy, backend } = await asker.ask({ type: "predict", model, version, label, signatureDef, inputs: sent }, { signal, transfer: given });
  return { outputs, version: by, servedBy, backend };
}

/** A view of a part of a buffer would send the whole buffer; such a part is copied out. */
function whole(value: Tensor | NestedValue): Tensor | NestedValue {
  return isTensor(value) && ArrayBuffer.isView(value.data) && value.data.byteLength < value.data.buffer.byteLength ? { ...value, data: value.data.slice() } : value;
}

function buffersOf(value: Tensor | NestedValue): ArrayBufferLike[] {
  if (!isTensor(value)) return [];
  return ArrayBuffer.isView(value.data) ? [value.data.buffer] : value.data.map(({ buffer }) => buffer);
}

function isTensor(value: Tensor | NestedValue): value is Tensor {
  return typeof value === "object" && value !== null && "dtype" in value;
}

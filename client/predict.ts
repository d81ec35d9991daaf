import type { Pixels } from "../protocol/image/pixels.ts";
import type { ModelName } from "../protocol/names.ts";
import type { Tensor } from "../protocol/tensor.ts";
import type { Connection } from "./connection.ts";
import type { Answer, ImageSource, InputValue, ModelSelection, NestedValue, PredictOptions } from "./types.ts";

type Inputs = Readonly<Record<string, InputValue>>;
/** What a message carries. */
type Sent = Tensor | NestedValue | Pixels | readonly Pixels[];

/** One inference, by message: typed arrays travel as they are, images as their pixels; nested arrays are read where the signature def is known. */
export async function predictBy({ asker, readPixels }: Connection, model: ModelName, { version, label }: ModelSelection, inputs: Inputs, { signal, signatureDef, topK, transfer = false }: PredictOptions = {}): Promise<Answer> {
  const sent: Record<string, Sent> = {};
  for (const [key, value] of Object.entries(inputs)) sent[key] = isImage(value) ? await readPixels(value) : isImages(value) ? await Promise.all(value.map(readPixels)) : whole(value);
  const given = transfer ? [...new Set(Object.values(sent).flatMap(buffersOf))] : undefined;
  return await asker.ask({ type: "predict", model, version, label, signatureDef, topK, inputs: sent }, { signal, transfer: given });
}

/** Any object but a tensor: whether it is one, the browser says. */
function isImage(value: InputValue): value is ImageSource {
  return Object(value) === value && !Array.isArray(value) && !ArrayBuffer.isView(value) && !("dtype" in (value as object));
}

function isImages(value: InputValue): value is readonly ImageSource[] {
  return Array.isArray(value) && isImage(value[0] as InputValue);
}

/** A view of a part of a buffer would send the whole buffer; such a part is copied out. */
function whole(value: Exclude<InputValue, ImageSource | readonly ImageSource[]> | Tensor | NestedValue): Tensor | NestedValue {
  return isTensor(value) && ArrayBuffer.isView(value.data) && value.data.byteLength < value.data.buffer.byteLength ? { ...value, data: value.data.slice() } : value;
}

function buffersOf(value: Sent): ArrayBufferLike[] {
  if (Array.isArray(value)) return (value as readonly Sent[]).flatMap(buffersOf);
  if (!isTensor(value)) return [];
  return ArrayBuffer.isView(value.data) ? [value.data.buffer] : value.data.map(({ buffer }) => buffer);
}

/** Or pixels, whose data is in one buffer as a tensor's. */
function isTensor(value: Sent): value is Tensor {
  return Object(value) === value && "data" in (value as object);
}

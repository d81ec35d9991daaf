import type { ClassScore } from "../../protocol/classes.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { isPixels } from "../../protocol/image/pixels.ts";
import type { Backend } from "../../protocol/manifest.ts";
import type { Version } from "../../protocol/names.ts";
import { elementCount, type NamedTensors, type Tensor } from "../../protocol/tensor.ts";
import type { Manager, Selector } from "../activate/index.ts";
import type { PrepareImage, WithSignal } from "../ports.ts";
import { bestClasses } from "./best-classes.ts";
import { computeAlone, type Compute } from "./compute.ts";
import { execute } from "./execute.ts";
import { tensorOfNested, type Nested } from "./nested.ts";
import { imagesOf, imageTensor, type Image, type ImageOptions } from "./read-images.ts";
import { signatureOf, type Signature } from "./signature.ts";
import { withServable } from "./with-servable.ts";

export interface PredictRequest extends Selector {
  readonly model: string;
  /** Default `serving_default`. */
  readonly signatureDef?: string | undefined;
  /**
   * By the signature def's input keys: tensors of its dtypes, or nested arrays; images, one or several, for an input that the model
   * says how to make of them. One that has a default may be left out.
   */
  readonly inputs: Readonly<Record<string, Tensor | Nested | Image | readonly Image[]>>;
  /** How many classes to name, of a model that has names for them. Default 5. */
  readonly topK?: number | undefined;
}

export interface PredictOptions extends WithSignal {
  readonly prepareImage?: PrepareImage | undefined;
  /** What puts requests together. Default: one inference for each. */
  readonly batching?: Compute | undefined;
}

export interface PredictAnswer {
  /** By the signature def's output keys, in its dtypes. */
  readonly outputs: NamedTensors;
  /** The best classes, best first, for each row of the batch; undefined where the model has no names for them, or they do not fit. */
  readonly classes?: readonly (readonly ClassScore[])[] | undefined;
  readonly version: Version;
  readonly backend: Backend;
}

/**
 * One inference.
 * @throws NOT_FOUND, UNAVAILABLE, VERSION_BLOCKED (the version), INVALID_ARGUMENT (label, signature def, inputs), UNIMPLEMENTED
 * (a dtype that the engine cannot compute), ENGINE_CRASHED, CANCELLED, DEADLINE_EXCEEDED
 */
export function predict(manager: Manager, request: PredictRequest, { signal, prepareImage, batching: compute = computeAlone }: PredictOptions = {}): Promise<PredictAnswer> {
  return withServable(
    manager,
    request.model,
    request,
    async (servable, alone) => {
      const signature = signatureOf(servable.manifest, request.signatureDef);
      const inputs = await tensorsOf(request.inputs, signature, { signal, prepareImage });
      const outputs = await execute(compute, servable, signature, inputs, { signal, alone });
      return { outputs, classes: bestClasses(servable, outputs, request.topK), version: servable.version, backend: servable.backend };
    },
    { signal },
  );
}

async function tensorsOf(given: PredictRequest["inputs"], signature: Signature, options: ImageOptions): Promise<NamedTensors> {
  const { inputs, name, defaults } = signature;
  const known = new Set(inputs.map(({ key }) => key));
  const extra = Object.keys(given).filter((key) => !known.has(key));
  if (extra.length > 0) {
    throw new AshoreError("INVALID_ARGUMENT", `The signature def ${name} has no input ${extra.join(", ")}; its inputs are ${[...known].join(", ")}.`);
  }
  const tensors: Record<string, Tensor> = {};
  for (const port of inputs) {
    const { key, dtype } = port;
    const value = given[key];
    if (value === undefined && defaults.has(key)) continue;
    if (value === undefined) throw new AshoreError("INVALID_ARGUMENT", `The input ${key} (${dtype}) of the signature def ${name} is missing.`);
    const images = port.preprocess === undefined && !isPixels(value) ? undefined : imagesOf(value);
    // What is neither numbers nor images is refused as what the input takes first of all: numbers.
    if (images !== undefined) tensors[key] = await imageTensor(images, port, signature, options);
    else tensors[key] = isTensor(value) ? checked(key, value) : tensorOfNested(value as Nested, dtype, key);
  }
  return tensors;
}

function isTensor(value: PredictRequest["inputs"][string]): value is Tensor {
  return typeof value === "object" && "dtype" in value && "shape" in value;
}

function checked(key: string, tensor: Tensor): Tensor {
  const { dtype, shape, data } = tensor;
  const expected = elementCount(shape) * (dtype === "complex64" || dtype === "complex128" ? 2 : 1);
  if (data.length !== expected || !isDataOf(tensor)) {
    throw new AshoreError("INVALID_ARGUMENT", `Input ${key} of shape [${shape}] and dtype ${dtype} needs ${expected} elements in ${DATA_NAMES[dtype]}; it has ${data.length} in ${data.constructor.name}.`);
  }
  return tensor;
}

/** What holds the elements of a dtype (protocol/tensor.ts). */
const DATA_NAMES: Readonly<Record<Tensor["dtype"], string>> = {
  float32: "Float32Array",
  float64: "Float64Array",
  float16: "Uint16Array",
  bfloat16: "Uint16Array",
  int8: "Int8Array",
  int16: "Int16Array",
  int32: "Int32Array",
  int64: "BigInt64Array",
  uint8: "Uint8Array",
  uint16: "Uint16Array",
  uint32: "Uint32Array",
  uint64: "BigUint64Array",
  bool: "Uint8Array",
  string: "Array",
  complex64: "Float32Array",
  complex128: "Float64Array",
};

function isDataOf({ dtype, data }: Tensor): boolean {
  // By tag, not by constructor: the data may come from another realm (a frame, a test's sandbox).
  const tag = Array.isArray(data) ? "Array" : Object.prototype.toString.call(data).slice(8, -1);
  return tag === DATA_NAMES[dtype];
}

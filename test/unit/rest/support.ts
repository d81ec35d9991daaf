import { AshoreError, httpStatus } from "../../../protocol/errors.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { parseRequestBody, readPredictInputs, type PredictInputs } from "../../../protocol/rest/index.ts";
import { dtypeOfTf } from "../../../protocol/dtype.ts";

const encoder = new TextEncoder();

/** `a:int32,b:float` as a signature's inputs. */
export function signature(inputs: string): Record<string, { dtype: Tensor["dtype"] }> {
  return Object.fromEntries(
    inputs.split(",").map((input) => {
      const [name = "", tf = ""] = input.split(":");
      const dtype = dtypeOfTf(tf);
      if (dtype === undefined) throw new Error(`the test names the dtype ${tf}, which there is not`);
      return [name, { dtype }];
    }),
  );
}

/** What TensorFlow Serving's decoder makes of a request body. */
export function decode(inputs: string, body: string | Uint8Array): PredictInputs {
  return readPredictInputs(parseRequestBody(typeof body === "string" ? encoder.encode(body) : body), signature(inputs), { undigested: true });
}

/** The only tensor of a request. */
export function decodeOne(input: string, body: string | Uint8Array): Tensor {
  const [tensor] = Object.values(decode(input, body).tensors);
  if (tensor === undefined) throw new Error("the request has no tensor");
  return tensor;
}

/** What a function throws, as `400 message`. */
export function refusal(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof AshoreError) return `${httpStatus(thrown.code)} ${thrown.message}`;
    throw thrown;
  }
  return "nothing was thrown";
}

/** Flat elements as one writes them in a table: bigints as numbers, minus zero visible, strings quoted. */
export function elements({ data }: Tensor, dtype = ""): string {
  return Array.from<unknown>(data)
    .map((element) => {
      if (element instanceof Uint8Array) return `'${new TextDecoder().decode(element)}'`;
      if (dtype === "bool") return String(element === 1);
      return Object.is(element, -0) ? "-0" : String(element);
    })
    .join(",");
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

export function float32(shape: readonly number[], ...values: number[]): Tensor {
  return { dtype: "float32", shape, data: Float32Array.from(values) };
}

export function int32(shape: readonly number[], ...values: number[]): Tensor {
  return { dtype: "int32", shape, data: Int32Array.from(values) };
}

export function strings(shape: readonly number[], ...values: (string | Uint8Array)[]): Tensor {
  return { dtype: "string", shape, data: values.map((value) => (typeof value === "string" ? encoder.encode(value) : value)) };
}

import { DTYPES } from "../../../protocol/dtype.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import type { SignatureDef, TensorInfo, WarmUpRecord } from "../../../protocol/manifest.ts";
import { parseExamples } from "../../../protocol/parse-examples.ts";
import { checkClassifySignature, checkRegressSignature } from "../../../protocol/rest/index.ts";
import { jsonOfTensor } from "../../../protocol/small-tensor.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { WarmUpRequest } from "./warm-up-request.ts";

const LEAST = -(2 ** 31);
const MOST = 2 ** 31 - 1;

/**
 * A warm-up request as the manifest carries it, after all that can be known of it without computing was compared with the
 * signature def that it names.
 * @throws INVALID_ARGUMENT, LIMIT_EXCEEDED
 */
export function checkWarmUpRequest({ method, signatureName: name, inputs, outputs }: WarmUpRequest, signatureDefs: Readonly<Record<string, SignatureDef>>): WarmUpRecord {
  const def = Object.hasOwn(signatureDefs, name) ? signatureDefs[name] : undefined;
  if (def === undefined) throw invalid(`Its signature def ${name} is none of the model's: ${Object.keys(signatureDefs).join(", ")}.`);
  if (method === "classify") checkClassifySignature(def);
  if (method === "regress") checkRegressSignature(def);
  const unknown = outputs.find((key) => !Object.hasOwn(def.outputs, key));
  if (unknown !== undefined) throw invalid(`It asks for the output ${unknown} of ${name}, whose outputs are ${Object.keys(def.outputs).join(", ")}.`);
  const extra = Object.keys(inputs).find((key) => !Object.hasOwn(def.inputs, key));
  if (extra !== undefined) throw invalid(`It has the input ${extra}, and the inputs of ${name} are ${Object.keys(def.inputs).join(", ")}.`);
  for (const [key, info] of Object.entries(def.inputs)) {
    const tensor = Object.hasOwn(inputs, key) ? inputs[key] : undefined;
    if (tensor !== undefined) checkTensor(tensor, info, key);
    else if (def.defaults === undefined || !Object.hasOwn(def.defaults, key)) throw invalid(`It lacks the input ${key} of ${name}.`);
    if (tensor !== undefined && def.examples !== undefined) parseExamples(tensor, def.examples.features);
  }
  return { signatureDef: name, inputs: Object.fromEntries(Object.entries(inputs).map(([key, tensor]) => [key, jsonOfTensor(tensor)])) };
}

function checkTensor(tensor: Tensor, { dtype, shape }: TensorInfo, key: string): void {
  if (tensor.dtype !== dtype) throw invalid(`Its input ${key} is ${tensor.dtype} where the signature def says ${dtype}.`);
  const { engine } = DTYPES[dtype];
  if (engine === null) throw invalid(`Its input ${key} is ${dtype}, which no engine computes.`);
  if (shape !== null && (tensor.shape.length !== shape.length || shape.some((size, at) => size >= 0 && size !== tensor.shape[at]))) {
    throw invalid(`Its input ${key} has the shape [${tensor.shape}] where the signature def says [${shape}].`);
  }
  if (engine !== "int32") return;
  for (const value of tensor.data as Iterable<number | bigint>) {
    if (value < LEAST || value > MOST) throw invalid(`Its input ${key} holds ${value}, which does not fit the 32 bits that integers are computed in.`);
  }
}

function invalid(message: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", message);
}

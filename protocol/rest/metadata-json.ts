import { DTYPES } from "../dtype.ts";
import type { SignatureDef, TensorInfo } from "../manifest.ts";
import { printProtoJson } from "./proto-json.ts";

export interface ModelMetadata {
  readonly model: string;
  readonly version: number;
  readonly signatureDefs: Readonly<Record<string, SignatureDef>>;
}

/**
 * A version's signature defs as `GET …/metadata` answers them: two pieces of protobuf's JSON glued together, so that
 * `signature_def` stands twice and line breaks fall oddly (`http_rest_api_util.cc`, `ToJsonString`).
 */
export function writeModelMetadata({ model, version, signatureDefs }: ModelMetadata): Uint8Array<ArrayBuffer> {
  const spec = printProtoJson({ name: model, signature_name: "", version: String(version) });
  const map = printProtoJson({ signature_def: mapValues(signatureDefs, signatureDef) });
  return new TextEncoder().encode(`{\n"model_spec":${spec}\n,\n"metadata": {"signature_def": ${map}\n}\n}\n`);
}

function signatureDef({ inputs, outputs, methodName }: SignatureDef): object {
  return { inputs: mapValues(inputs, tensorInfo), outputs: mapValues(outputs, tensorInfo), method_name: methodName, defaults: {} };
}

function tensorInfo({ dtype, shape, name }: TensorInfo): object {
  const dim = (shape ?? []).map((size) => ({ size: String(size), name: "" }));
  return { dtype: DTYPES[dtype].proto, tensor_shape: { dim, unknown_rank: shape === null }, name };
}

function mapValues<T>(map: Readonly<Record<string, T>>, change: (value: T) => object): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

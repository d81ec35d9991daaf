import { AshoreError } from "../../../protocol/errors.ts";
import type { SignatureDef } from "../../../protocol/manifest.ts";
import { parseRequestBody, readExamples, readPredictInputs, serializeExamples } from "../../../protocol/rest/index.ts";
import { KIND, type JsonTape } from "../../../protocol/rest/json-tape.ts";
import { parseJson } from "../../../protocol/rest/parse-json.ts";
import { DEFAULT_SIGNATURE, type WarmUpRequest } from "./warm-up-request.ts";

/**
 * The bodies in a JSON file of warm-up requests, `{"warmup": [body, …]}`, each from where it begins to the file's end.
 * @param what names the file in messages
 * @throws MODEL_MALFORMED
 */
export function warmUpBodies(file: Uint8Array, what: string): readonly Uint8Array[] {
  let document: JsonTape;
  try {
    document = parseJson(file, 0, true);
  } catch (cause) {
    throw new AshoreError("MODEL_MALFORMED", `${what} is not JSON. ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const list = document.kind(0) === KIND.object ? document.member(0, "warmup") : undefined;
  if (list === undefined || document.kind(list) !== KIND.array) {
    throw new AshoreError("MODEL_MALFORMED", `${what} is not {"warmup": [ … ]} with bodies of requests, such as {"signature_name": "serving_default", "instances": [ … ]}.`);
  }
  return Array.from(document.children(list), (body) => file.subarray(document.start(body)));
}

/**
 * One such body, as the REST API reads it: `instances` or `inputs` to predict, `examples` to classify or regress.
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED
 */
export function readWarmUpBody(bytes: Uint8Array, signatureDefs: Readonly<Record<string, SignatureDef>>): WarmUpRequest {
  const body = parseRequestBody(bytes);
  const { document } = body;
  const signatureName = body.signatureName || DEFAULT_SIGNATURE;
  const def = Object.hasOwn(signatureDefs, signatureName) ? signatureDefs[signatureName] : undefined;
  if (document.member(0, "examples") !== undefined) {
    const method = def !== undefined && Object.hasOwn(def.outputs, "outputs") ? "regress" : "classify";
    return { method, signatureName, inputs: { inputs: serializeExamples(readExamples(body)) }, outputs: [] };
  }
  return { method: "predict", signatureName, inputs: def === undefined ? {} : readPredictInputs(body, def.inputs).tensors, outputs: [] };
}

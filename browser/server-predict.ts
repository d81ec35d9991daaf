import * as v from "valibot";
import type { NamedClasses } from "../protocol/classes.ts";
import { hexOf } from "../protocol/digest.ts";
import { dtypeOfProto } from "../protocol/dtype.ts";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { parseManifest } from "../protocol/manifest.ts";
import type { PredictValue } from "../protocol/messages.ts";
import { isVersion } from "../protocol/names.ts";
import { parseRequestBody, type SignatureInputs } from "../protocol/rest/index.ts";
import { readNamedInputs } from "../protocol/rest/read-predict.ts";
import { writePredictRequest } from "../protocol/rest/write-request.ts";
import type { PredictRequest } from "../runtime/index.ts";
import type { WithSignal } from "../runtime/ports.ts";
import { namedClasses } from "../runtime/activate/named-classes.ts";
import { bestClasses } from "../runtime/predict/best-classes.ts";
import { readBody } from "../runtime/predict/request-body.ts";

export interface ServerOptions {
  readonly server: string;
  /** Why this device does not answer itself. */
  readonly instead: AshoreError;
  /** An input as JSON can carry it: images as bytes. */
  readonly encodeInput: (value: unknown) => Promise<unknown>;
}

const metadataSchema = v.object({
  model_spec: v.object({ version: v.pipe(v.string(), v.transform(Number)) }),
  metadata: v.object({
    signature_def: v.object({
      signature_def: v.record(v.string(), v.object({ outputs: v.record(v.string(), v.object({ dtype: v.union([v.string(), v.number()]) })) })),
    }),
  }),
});

/**
 * Has the server answer in this device's place, over TensorFlow Serving's REST API: first what the outputs' dtypes are, which
 * an answer in JSON does not say, then the answer of that same version, and beside it what its classes are called.
 * @throws UNAVAILABLE where the server has none either, or cannot be asked, saying what both said; INVALID_ARGUMENT, NOT_FOUND as the server
 */
export async function predictAtServer(request: PredictRequest, { server, instead, encodeInput }: ServerOptions, { signal }: WithSignal = {}): Promise<PredictValue> {
  const body = await bodyOf(request, { instead, encodeInput });
  const base = server.replace(/\/+$/, "");
  const name = encodeURIComponent(request.model);
  const model = `${base}/v1/models/${name}`;
  const patience = AbortSignal.timeout(LIMITS.requestTimeoutMs);
  const either = signal === undefined ? patience : AbortSignal.any([signal, patience]);
  try {
    const metadata = v.safeParse(metadataSchema, JSON.parse(new TextDecoder().decode(await ask(`${model}${selection(request)}/metadata`, {}, either))));
    if (!metadata.success) throw new AshoreError("UNAVAILABLE", "its answer to /metadata is not TensorFlow Serving's");
    const version = metadata.output.model_spec.version;
    if (!isVersion(version)) throw new AshoreError("UNAVAILABLE", "it names no version");
    const signature = metadata.output.metadata.signature_def.signature_def[request.signatureDef ?? "serving_default"];
    if (signature === undefined) throw new AshoreError("INVALID_ARGUMENT", `it has no signature def ${request.signatureDef ?? "serving_default"}`);
    const outputs: SignatureInputs = Object.fromEntries(Object.entries(signature.outputs).map(([key, { dtype }]) => [key, { dtype: dtypeOfProto(dtype) ?? "float32" }]));
    const [answer, classes] = await Promise.all([ask(`${model}/versions/${version}:predict`, { method: "POST", body }, either), classesAt(base, `/manifests/${name}/versions/${version}`, either)]);
    const { tensors } = readNamedInputs(parseRequestBody(answer), outputs, "outputs");
    return { outputs: tensors, classes: bestClasses({ classes }, tensors, request.topK), version, backend: undefined, servedBy: "server" };
  } catch (thrown) {
    const { code, message } = asAshoreError(thrown, "UNAVAILABLE");
    throw new AshoreError(code, `${instead.message} And the server ${server} does not answer in its place: ${message}.`, { cause: thrown });
  }
}

/** What the server calls its classes, believed as its answer is; undefined where it does not say. */
async function classesAt(base: string, path: string, signal: AbortSignal): Promise<NamedClasses | undefined> {
  try {
    const manifest = parseManifest(await ask(base + path, {}, signal));
    return await namedClasses(manifest, ({ digest }) => ask(`${base}/blobs/sha256/${hexOf(digest)}`, {}, signal), { signal });
  } catch {
    return undefined;
  }
}

async function bodyOf({ inputs, signatureDef }: PredictRequest, { instead, encodeInput }: Omit<ServerOptions, "server">): Promise<string> {
  try {
    const sent = await Promise.all(Object.entries(inputs).map(async ([key, value]) => [key, await encodeInput(value)] as const));
    return writePredictRequest(Object.fromEntries(sent), signatureDef);
  } catch (thrown) {
    throw new AshoreError("UNAVAILABLE", `${instead.message} And the server cannot be asked in its place: ${asAshoreError(thrown).message}`, { cause: thrown });
  }
}

function selection({ version, label }: PredictRequest): string {
  if (label !== undefined) return `/labels/${encodeURIComponent(label)}`;
  return version === undefined ? "" : `/versions/${version}`;
}

async function ask(url: string, init: RequestInit, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, { ...init, signal });
  const bytes = await readBody(response.body);
  if (response.ok) return bytes;
  const code = response.status === 400 ? "INVALID_ARGUMENT" : response.status === 404 ? "NOT_FOUND" : "UNAVAILABLE";
  throw new AshoreError(code, `${new URL(url).pathname} is answered with ${response.status}: ${new TextDecoder().decode(bytes).slice(0, 300)}`);
}

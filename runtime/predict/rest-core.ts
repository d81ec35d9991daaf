import { asAshoreError, AshoreError, canonicalCode, httpStatus, type CanonicalCode } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import {
  checkClassifySignature,
  checkRegressSignature,
  CORS_HEADERS,
  NOT_FOUND_PAGE,
  parseRequestBody,
  parseRestPath,
  preflightStatus,
  readExamples,
  readPredictInputs,
  readSimplePredictInputs,
  REST_CONTENT_TYPE,
  serializeExamples,
  writeClassifyAnswer,
  writeErrorBody,
  writeModelList,
  writeModelMetadata,
  writeModelStatus,
  writePredictAnswer,
  writeRegressAnswer,
  writeSimplePredictAnswer,
  type ModelSelector,
  type RequestBody,
  type RestRoute,
} from "../../protocol/rest/index.ts";
import { isLoss, type Manager, type Servable } from "../activate/index.ts";
import type { Clock, WithSignal } from "../ports.ts";
import { computeAlone, type Compute, type ComputeOptions } from "./compute.ts";
import { Deadlines } from "./deadlines.ts";
import { execute } from "./execute.ts";
import { gunzipBody } from "./request-body.ts";
import type { RequestMetrics, RestCore, RestRequest, RestResponse } from "./rest-types.ts";
import { signatureOf } from "./signature.ts";
import { withServable } from "./with-servable.ts";

export interface RestCoreOptions {
  readonly manager: Manager;
  readonly clock: Clock;
  /** How long an inference may take, in milliseconds; 0 or less for no bound. Default LIMITS.requestTimeoutMs. */
  readonly timeoutMs?: number | undefined;
  /** Let pages of other origins in (`--rest_api_enable_cors_support`). Default false. */
  readonly cors?: boolean | undefined;
  readonly metrics?: RequestMetrics | undefined;
  /** What puts requests together. Default: one inference for each. */
  readonly batching?: Compute | undefined;
}

/** What a route leads to, before metrics and headers are added. */
interface Outcome {
  readonly status: number;
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly code: "OK" | CanonicalCode;
  readonly version?: number | undefined;
}

type Routed = Exclude<RestRoute, { readonly kind: "elsewhere" | "preflight" }> | { readonly kind: "simple" };

/** The REST API over a manager, whatever host it is in (DESIGN section 7). */
export function createRestCore({ manager, clock, timeoutMs = LIMITS.requestTimeoutMs, cors = false, metrics, batching: compute = computeAlone }: RestCoreOptions): RestCore {
  const deadlines = new Deadlines(clock, timeoutMs);
  const extra = cors ? CORS_HEADERS : {};

  async function handle(request: RestRequest, { signal }: WithSignal = {}): Promise<RestResponse> {
    const route: RestRoute | { readonly kind: "simple" } = isSimple(request) ? { kind: "simple" } : parseRestPath(request.method, request.target);
    if (route.kind === "elsewhere") return { status: 404, headers: { "content-type": "text/html" }, body: NOT_FOUND_PAGE };
    if (route.kind === "preflight") return { status: preflightStatus(header(request, "origin")), headers: extra, body: "" };
    const began = metrics?.now() ?? 0;
    const outcome = await answer(route, request, signal).catch((thrown: unknown) => failure(thrown));
    metrics?.request({
      model: modelOf(route),
      version: outcome.version,
      api: route.kind === "simple" ? "predict" : route.kind === "predict" || route.kind === "classify" || route.kind === "regress" ? route.kind : "",
      status: outcome.code,
      microseconds: (metrics.now() - began) * 1000,
    });
    return { status: outcome.status, headers: headersOf(outcome), body: outcome.body };
  }

  /** For metrics: a model that is there, so that callers cannot make up series. */
  function modelOf(route: Routed): string | undefined {
    if (route.kind === "simple") return manager.names()[0];
    return "model" in route && manager.has(route.model) ? route.model : undefined;
  }

  async function answer(route: Routed, request: RestRequest, signal: AbortSignal | undefined): Promise<Outcome> {
    switch (route.kind) {
      case "predict":
        return predict(route, await bodyOf(request), request, signal);
      case "simple":
        return simplePredict(await bodyOf(request), request, signal);
      case "classify":
      case "regress":
        return classifyOrRegress(route.kind, route, await bodyOf(request), request, signal);
      case "metadata":
        return withServable(manager, route.model, route, async ({ version, manifest: { signatureDefs } }) =>
          success(writeModelMetadata({ model: route.model, version, signatureDefs }), version),
        );
      case "status":
        return success(writeModelStatus(statusOf(route.model, route.version)));
      case "list":
        return success(writeModelList(manager.names().map((name) => ({ name, versions: manager.status(name) ?? [] }))));
      case "refused":
        return { status: 400, body: route.message === null ? "" : writeErrorBody(route.message), code: "INVALID_ARGUMENT" };
    }
  }

  function predict(route: ModelSelector, body: RequestBody, request: RestRequest, signal: AbortSignal | undefined): Promise<Outcome> {
    return run(route, request, signal, async (servable, options) => {
      const signature = signatureOf(servable.manifest, body.signatureName);
      const { format, tensors } = readPredictInputs(body, signature.def.inputs);
      return writePredictAnswer(await execute(compute, servable, signature, tensors, options), format);
    });
  }

  function simplePredict(body: RequestBody, request: RestRequest, signal: AbortSignal | undefined): Promise<Outcome> {
    const [model, ...others] = manager.names();
    if (model === undefined || others.length > 0) {
      const count = model === undefined ? "none" : others.length + 1;
      throw new AshoreError("NOT_FOUND", `POST /predict is for a server with one model, and this one has ${count}: use POST /v1/models/NAME:predict.`);
    }
    return run({ model }, request, signal, async (servable, options) => {
      const signature = signatureOf(servable.manifest, body.signatureName);
      const tensors = readSimplePredictInputs(body, signature.def.inputs, signature.defaults);
      return writeSimplePredictAnswer(await execute(compute, servable, signature, tensors, options));
    });
  }

  function classifyOrRegress(kind: "classify" | "regress", route: ModelSelector, body: RequestBody, request: RestRequest, signal: AbortSignal | undefined): Promise<Outcome> {
    const sent = readExamples(body);
    const isClassify = kind === "classify";
    return run(route, request, signal, async (servable, options) => {
      const signature = signatureOf(servable.manifest, body.signatureName, "No signature was found with the name: %");
      if (isClassify) checkClassifySignature(signature.def);
      else checkRegressSignature(signature.def);
      const outputs = await execute(compute, servable, signature, { inputs: serializeExamples(sent) }, options);
      return isClassify ? writeClassifyAnswer(outputs, sent.examples.length) : writeRegressAnswer(outputs, sent.examples.length);
    });
  }

  /** One inference under a deadline; what goes wrong after the version is known says which version it was. */
  async function run(
    selector: ModelSelector,
    { onGone }: RestRequest,
    signal: AbortSignal | undefined,
    infer: (servable: Servable, options: ComputeOptions) => Promise<Uint8Array<ArrayBuffer>>,
  ): Promise<Outcome> {
    const deadline = deadlines.begin(signal);
    onGone?.(deadline.cancel);
    try {
      return await withServable(
        manager,
        selector.model,
        selector,
        async (servable, alone) => {
          try {
            return success(await infer(servable, { signal: deadline, alone }), servable.version);
          } catch (thrown) {
            const error = asAshoreError(thrown);
            if (isLoss(error)) throw error;
            return failure(error, servable.version);
          }
        },
        deadline,
      );
    } finally {
      deadline.end();
    }
  }

  function statusOf(model: string, version: number | bigint | undefined): NonNullable<ReturnType<Manager["status"]>> {
    const versions = manager.status(model) ?? [];
    if (versions.length === 0) throw new AshoreError("NOT_FOUND", `Could not find any versions of model ${model}`);
    if (version === undefined) return versions;
    const found = versions.filter((one) => one.version === version);
    if (found.length === 0) throw new AshoreError("NOT_FOUND", `Could not find version ${version} of model ${model}`);
    return found;
  }

  function headersOf({ version, status }: Outcome): Record<string, string> {
    const headers: Record<string, string> = { "content-type": REST_CONTENT_TYPE, "x-ashore-served-by": "device", ...extra };
    if (version !== undefined) headers["x-ashore-model-version"] = String(version);
    if (status === 503) headers["retry-after"] = "1";
    return headers;
  }

  return { handle, close: () => deadlines.close() };
}

function isSimple({ method, target }: RestRequest): boolean {
  return target === "/predict" && method === "POST";
}

async function bodyOf(request: RestRequest): Promise<RequestBody> {
  const bytes = await request.body();
  const isPacked = header(request, "content-encoding")?.includes("gzip") === true;
  return parseRequestBody(isPacked ? await gunzipBody(bytes) : bytes);
}

function header({ headers }: RestRequest, name: string): string | undefined {
  const value = headers?.[name];
  return typeof value === "string" || value === undefined ? value : value.join(", ");
}

function success(body: Uint8Array<ArrayBuffer>, version?: number): Outcome {
  return { status: 200, body, code: "OK", version };
}

function failure(thrown: unknown, version?: number): Outcome {
  const { code, message } = asAshoreError(thrown);
  return { status: httpStatus(code), body: writeErrorBody(message), code: canonicalCode(code), version };
}

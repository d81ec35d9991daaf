import { asAshoreError, AshoreError, canonicalCode, httpStatus, type CanonicalCode } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { encodedImages } from "../../protocol/rest/encoded-images.ts";
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
  type RestDialect,
  type RestRoute,
} from "../../protocol/rest/index.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import { isLoss, type Manager, type Servable } from "../activate/index.ts";
import type { Clock, PrepareImage, WithSignal } from "../ports.ts";
import { bestClasses } from "./best-classes.ts";
import { classifiesImages, imagesOfExamples, writeNamedClasses } from "./classify-images.ts";
import { computeAlone, type Compute, type ComputeOptions } from "./compute.ts";
import { Deadlines, type Deadline } from "./deadlines.ts";
import { execute } from "./execute.ts";
import { withImages } from "./read-images.ts";
import { gunzipBody } from "./request-body.ts";
import type { RequestMetrics, RestCore, RestRequest, RestResponse } from "./rest-types.ts";
import { signatureOf, type Signature } from "./signature.ts";
import { withServable } from "./with-servable.ts";

export interface RestCoreOptions extends RestDialect {
  readonly manager: Manager;
  readonly clock: Clock;
  /** How long an inference may take, in milliseconds; 0 or less for no bound. Default LIMITS.requestTimeoutMs. */
  readonly timeoutMs?: number | undefined;
  /** Let pages of other origins in (`--rest_api_enable_cors_support`). Default false. */
  readonly cors?: boolean | undefined;
  readonly metrics?: RequestMetrics | undefined;
  /** Decodes images. Absent: requests with images are refused. */
  readonly prepareImage?: PrepareImage | undefined;
  /** What puts requests together. Default: one inference for each. */
  readonly batching?: Compute | undefined;
}

/** What a route leads to, before metrics and headers are added. */
interface Outcome {
  readonly status: number;
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly code: "OK" | CanonicalCode;
  readonly version?: number | undefined;
  readonly inference?: Inference | undefined;
}

/** One inference, and what metrics are to know of it. */
interface Inference extends ComputeOptions {
  readonly api: "predict" | "classify" | "regress";
  signatureDef?: string;
  examples?: number;
}

type Routed = Exclude<RestRoute, { readonly kind: "elsewhere" | "preflight" }> | { readonly kind: "simple" };

/** The REST API over a manager, whatever host it is in (DESIGN section 7). */
export function createRestCore({ manager, clock, timeoutMs = LIMITS.requestTimeoutMs, cors = false, metrics, prepareImage, batching: compute = computeAlone, ...dialect }: RestCoreOptions): RestCore {
  const deadlines = new Deadlines(clock, timeoutMs);
  const extra = cors ? CORS_HEADERS : {};

  async function handle(request: RestRequest, { signal }: WithSignal = {}): Promise<RestResponse> {
    const route: RestRoute | { readonly kind: "simple" } = isSimple(request) ? { kind: "simple" } : parseRestPath(request.method, request.target);
    if (route.kind === "elsewhere") return { status: 404, headers: { "content-type": "text/html" }, body: NOT_FOUND_PAGE };
    if (route.kind === "preflight") return preflight(preflightStatus(header(request, "origin")));
    const began = metrics?.now() ?? 0;
    const outcome = await answer(route, request, signal).catch((thrown: unknown) => failure(thrown));
    metrics?.request({
      model: modelOf(route),
      asked: "model" in route ? route.model : undefined,
      version: outcome.version,
      signatureDef: outcome.inference?.signatureDef,
      examples: outcome.inference?.examples,
      api: route.kind === "simple" ? "predict" : route.kind === "predict" || route.kind === "classify" || route.kind === "regress" ? route.kind : "",
      status: outcome.code,
      microseconds: (metrics.now() - began) * 1000,
    });
    return { status: outcome.status, headers: headersOf(outcome), body: outcome.body };
  }

  /** For metrics: a model that is there. */
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
        return inTime(request, signal, (deadline) =>
          withServable(manager, route.model, route, async ({ version, manifest: { signatureDefs } }) => success(writeModelMetadata({ model: route.model, version, signatureDefs }), version), deadline),
        );
      case "status":
        return success(writeModelStatus(statusOf(route.model, route.version)));
      case "list":
        return success(writeModelList(manager.names().map((name) => ({ name, versions: manager.status(name) ?? [] }))));
      case "refused":
        return { status: 400, body: route.unsaid === true && dialect.strictJson !== true ? "" : writeErrorBody(route.message, dialect), code: "INVALID_ARGUMENT" };
    }
  }

  function predict(route: ModelSelector, body: RequestBody, request: RestRequest, signal: AbortSignal | undefined): Promise<Outcome> {
    return run(route, "predict", request, signal, async (servable, options) => {
      const signature = named(options, signatureOf(servable.manifest, body.signatureName));
      const { format, tensors } = readPredictInputs(body, encodedImages(body, signature.def.inputs, signature.images, "inputs"), dialect);
      return writePredictAnswer(await executed(servable, signature, tensors, options), format, dialect);
    });
  }

  function simplePredict(body: RequestBody, request: RestRequest, signal: AbortSignal | undefined): Promise<Outcome> {
    const [model, ...others] = manager.names();
    if (model === undefined || others.length > 0) {
      const count = model === undefined ? "none" : others.length + 1;
      throw new AshoreError("NOT_FOUND", `POST /predict is for a server with one model, and this one has ${count}: use POST /v1/models/NAME:predict.`);
    }
    return run({ model }, "predict", request, signal, async (servable, options) => {
      const signature = named(options, signatureOf(servable.manifest, body.signatureName));
      const tensors = readSimplePredictInputs(body, encodedImages(body, signature.def.inputs, signature.images, "input"), signature.defaults, dialect);
      const outputs = await executed(servable, signature, tensors, options);
      return writeSimplePredictAnswer(outputs, bestClasses(servable, outputs), dialect);
    });
  }

  function classifyOrRegress(kind: "classify" | "regress", route: ModelSelector, body: RequestBody, request: RestRequest, signal: AbortSignal | undefined): Promise<Outcome> {
    const sent = readExamples(body);
    const isClassify = kind === "classify";
    return run(route, kind, request, signal, async (servable, options) => {
      const signature = named(options, signatureOf(servable.manifest, body.signatureName, "No signature was found with the name: %"));
      const isNamed = isClassify && classifiesImages(servable, signature);
      if (!isNamed) (isClassify ? checkClassifySignature : checkRegressSignature)(signature.def);
      const outputs = await executed(servable, signature, isNamed ? imagesOfExamples(sent, signature) : { inputs: serializeExamples(sent) }, options);
      options.examples = sent.examples.length;
      if (isNamed) return writeNamedClasses(servable, outputs, body, dialect);
      return (isClassify ? writeClassifyAnswer : writeRegressAnswer)(outputs, sent.examples.length, dialect);
    });
  }

  /** One inference under a deadline; what goes wrong after the version is known says which version it was. */
  function run(
    selector: ModelSelector,
    api: Inference["api"],
    request: RestRequest,
    signal: AbortSignal | undefined,
    infer: (servable: Servable, options: Inference) => Promise<Uint8Array<ArrayBuffer>>,
  ): Promise<Outcome> {
    return inTime(request, signal, (deadline) =>
      withServable(
        manager,
        selector.model,
        selector,
        async (servable, alone) => {
          const inference: Inference = { signal: deadline, alone, api };
          try {
            return success(await infer(servable, inference), servable.version, inference);
          } catch (thrown) {
            const error = asAshoreError(thrown);
            if (isLoss(error)) throw error;
            return failure(error, servable.version, inference);
          }
        },
        deadline,
      ),
    );
  }

  /** Ends the work when its time is up, or its client gone. */
  async function inTime(request: RestRequest, signal: AbortSignal | undefined, work: (deadline: Deadline) => Promise<Outcome>): Promise<Outcome> {
    const deadline = deadlines.begin(signal);
    request.onGone?.(deadline.cancel);
    try {
      return await work(deadline);
    } finally {
      deadline.end();
    }
  }

  async function executed(servable: Servable, signature: Signature, inputs: NamedTensors, options: Inference): Promise<NamedTensors> {
    const ready = signature.images.length === 0 ? inputs : await withImages(inputs, signature, { prepareImage, signal: options.signal });
    const began = metrics?.now() ?? 0;
    const outputs = await execute(compute, servable, signature, ready, options);
    metrics?.ran(servable.model, options.api, (metrics.now() - began) * 1000);
    return outputs;
  }

  function failure(thrown: unknown, version?: number, inference?: Inference): Outcome {
    const { code, message } = asAshoreError(thrown);
    return { status: httpStatus(code), body: writeErrorBody(message, dialect), code: canonicalCode(code), version, inference };
  }

  function preflight(status: 200 | 400): RestResponse {
    if (status === 200 || dialect.strictJson !== true) return { status, headers: extra, body: "" };
    return { status, headers: { "content-type": REST_CONTENT_TYPE, ...extra }, body: writeErrorBody("Origin header is missing in CORS preflight", dialect) };
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
  return parseRequestBody(isPacked && bytes.length > 0 ? await gunzipBody(bytes) : bytes);
}

function header({ headers }: RestRequest, name: string): string | undefined {
  const value = headers?.[name];
  return typeof value === "string" || value === undefined ? value : value.join(", ");
}

function named(inference: Inference, signature: Signature): Signature {
  inference.signatureDef = signature.name;
  return signature;
}

function success(body: Uint8Array<ArrayBuffer>, version?: number, inference?: Inference): Outcome {
  return { status: 200, body, code: "OK", version, inference };
}

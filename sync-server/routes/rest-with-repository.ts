import { asAshoreError, canonicalCode, httpStatus, type CanonicalCode } from "../../protocol/errors.ts";
import { isModelName, type ModelName } from "../../protocol/names.ts";
import { CORS_HEADERS, parseRestPath, REST_CONTENT_TYPE, writeErrorBody, writeModelList, writeModelStatus } from "../../protocol/rest/index.ts";
import type { VersionStatus } from "../../protocol/states.ts";
import type { Inference, RepositoryView, Rest, RestRequest, RestResponse } from "../inference.ts";
import type { WithSignal } from "../with-signal.ts";

export interface RestView {
  readonly repository: RepositoryView;
  /** The states of a model's versions, those that could not be published among them. */
  readonly statuses: (model: ModelName) => readonly VersionStatus[];
  /** Every model that is configured or published. */
  readonly names: (options?: WithSignal) => Promise<readonly ModelName[]>;
  /** Whether pages of other origins may call it (`--rest_api_enable_cors_support`). */
  readonly cors: boolean;
}

/**
 * The REST API of a server. TensorFlow Serving shows a version that failed to load as END with its error; here one may fail
 * before any runtime sees it, at import, so status answers are completed. Every other request is the runtime's.
 * @param inference undefined with `--no-inference`; gives undefined until the runtime is there
 */
export function restWithRepository(inference: (() => Inference | undefined) | undefined, { repository, statuses, names, cors }: RestView): Rest {
  const extra = { ...(cors ? READABLE : {}), "x-ashore-served-by": "server" };
  return {
    async handle(request, options) {
      const { status, headers, body } = await respond(request, options).catch((thrown: unknown) => refusal(canonicalCode(asAshoreError(thrown).code), asAshoreError(thrown).message));
      return { status, headers: { ...headers, ...extra }, body };
    },
  };

  async function respond(request: RestRequest, options?: WithSignal): Promise<RestResponse> {
    if (inference === undefined) return refusal("UNIMPLEMENTED", "This server was started with --no-inference: it publishes versions, and devices answer /v1.");
    const runtime = inference();
    if (runtime === undefined) return refusal("UNAVAILABLE", "The runtime is starting; /readyz says when it can answer.");
    return (request.method === "GET" ? await completed(request, options) : undefined) ?? runtime.handle(request, options);
  }

  async function completed(request: RestRequest, options?: WithSignal): Promise<RestResponse | undefined> {
    const route = parseRestPath(request.method, request.target);
    if (route.kind === "list") return answer(writeModelList((await names(options)).map((name) => ({ name, versions: statuses(name) }))));
    if (route.kind !== "status" || !isModelName(route.model) || repository.failed(route.model).length === 0) return undefined;
    const versions = statuses(route.model).filter(({ version }) => route.version === undefined || version === route.version);
    return versions.length === 0 ? undefined : answer(writeModelStatus(versions));
  }
}

/** TensorFlow Serving's headers, and that a page may read ours. The runtime leaves them to its host, as who served it. */
const READABLE: Readonly<Record<string, string>> = { ...CORS_HEADERS, "Access-Control-Expose-Headers": "Retry-After, x-ashore-model-version, x-ashore-served-by" };

function answer(body: Uint8Array<ArrayBuffer>): RestResponse {
  return { status: 200, headers: { "content-type": REST_CONTENT_TYPE }, body };
}

function refusal(code: CanonicalCode, message: string): RestResponse {
  return { status: httpStatus(code), headers: { "content-type": REST_CONTENT_TYPE, ...(code === "UNAVAILABLE" ? { "retry-after": "1" } : {}) }, body: writeErrorBody(message) };
}

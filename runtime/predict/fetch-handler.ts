import { LIMITS } from "../../protocol/limits.ts";
import { checkBodySize, readBody } from "./request-body.ts";
import type { RestCore } from "./rest-types.ts";

/**
 * The REST API as a handler of the platform's own requests: for a service worker's `fetch` event, for Hono, for tests. Ends
 * the inference when the request is aborted.
 */
export function toFetchHandler(core: Pick<RestCore, "handle">): (request: Request) => Promise<Response> {
  return async (request) => {
    const { href, origin } = new URL(request.url);
    const { status, headers, body } = await core.handle(
      {
        method: request.method,
        // As it stands, `?` without a query too; what follows a `#` is the page's own.
        target: href.slice(origin.length).replace(/#.*/, ""),
        headers: Object.fromEntries(request.headers),
        body: () => {
          const declared = Number(request.headers.get("content-length") ?? 0);
          if (declared > LIMITS.requestBodyBytes) checkBodySize(declared);
          return readBody(request.body);
        },
      },
      { signal: request.signal },
    );
    // Of an empty text, the platform would make up a content type.
    return new Response(body === "" || request.method === "HEAD" ? null : body, { status, headers });
  };
}

import { select } from "./conditional.ts";
import { missingBody, missingHeaders } from "./missing.ts";
import { headersFor, pairsOf } from "./representation.ts";
import type { StaticFiles } from "./static-files.ts";
import { staticPath } from "./static-path.ts";

/**
 * The answer for a published file as a platform `Response`: what `app.fetch` gives wherever there is no `node:http`.
 * @returns undefined where the path names no such file's place
 */
export async function staticResponse(files: StaticFiles, request: Request, pathname: string): Promise<Response | undefined> {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const path = staticPath(pathname);
  if (path === undefined) return undefined;
  const file = await files.find(path, { signal: request.signal });
  if (file === undefined) return new Response(missingBody(path), { status: 404, headers: pairsOf(missingHeaders(path)) });
  const { representation: of } = file;
  const { headers } = request;
  const selection = select(
    request.method,
    { ifNoneMatch: headers.get("if-none-match") ?? undefined, ifRange: headers.get("if-range") ?? undefined, range: headers.get("range") ?? undefined },
    of.etag,
    of.size,
  );
  const init = { status: selection.status, headers: pairsOf(headersFor(of, selection)) };
  if (request.method === "HEAD" || selection.status === 304 || selection.status === 416) return new Response(null, init);
  const range = selection.status === 206 ? selection : undefined;
  if (file.bytes !== undefined) return new Response(range === undefined ? file.bytes : file.bytes.subarray(range.start, range.end + 1), init);
  const stream = await files.stream(file.path, { range, signal: request.signal });
  return stream === undefined ? new Response(missingBody(path), { status: 404, headers: pairsOf(missingHeaders(path)) }) : new Response(stream, init);
}

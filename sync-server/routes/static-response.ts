import { select } from "./conditional.ts";
import { missingBody, missingHeaders } from "./missing.ts";
import { headersFor, pairsOf } from "./representation.ts";
import type { StaticFiles } from "./static-files.ts";

/**
 * The answer for a published file as a platform `Response`: what `app.fetch` gives wherever there is no `node:http`.
 * @returns undefined where the path is not one of a published file's
 */
export async function staticResponse(files: StaticFiles, request: Request, pathname: string): Promise<Response | undefined> {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const found = request.method === "HEAD" ? files.look(pathname) : files.find(pathname);
  if (found === undefined) return undefined;
  const file = await found;
  if (file === undefined) return missing(pathname);
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
  const bytes = await files.bytes(file);
  if (bytes !== undefined) return new Response(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1), init);
  const stream = await files.stream(file, { range, signal: request.signal });
  return stream === undefined ? missing(pathname) : new Response(stream, init);
}

function missing(pathname: string): Response {
  return new Response(missingBody(pathname), { status: 404, headers: pairsOf(missingHeaders(pathname)) });
}

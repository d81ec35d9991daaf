import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Rest } from "../inference.ts";

/** A REST answer as a platform `Response`: the way without `node:http`. */
export async function restResponse(rest: Rest, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { status, headers, body } = await rest.handle(
    { method: request.method, target: pathname + search, headers: Object.fromEntries(request.headers), body: () => boundedBody(request) },
    { signal: request.signal },
  );
  return new Response(body, { status, headers });
}

async function boundedBody(request: Request): Promise<Uint8Array> {
  refuseLarger(Number(request.headers.get("content-length") ?? 0));
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    refuseLarger(size);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refuseLarger(size: number): void {
  if (size > LIMITS.requestBodyBytes) throw new AshoreError("LIMIT_EXCEEDED", `The request's body has more than ${LIMITS.requestBodyBytes} bytes; send fewer instances at a time.`);
}

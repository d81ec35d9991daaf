import { AshoreError } from "../../protocol/errors.ts";

/**
 * A request's body, piece by piece. What is announced as too large is refused before any of it is read.
 * @throws LIMIT_EXCEEDED
 */
export function bodyOf({ headers, body, url }: Request, maxBytes: number): AsyncIterable<Uint8Array> {
  if (Number(headers.get("content-length")) > maxBytes) throw tooLarge(url, maxBytes);
  return body ?? nothing();
}

/** A request's body, at once. @throws LIMIT_EXCEEDED */
export async function wholeBodyOf(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of bodyOf(request, maxBytes)) {
    size += piece.byteLength;
    if (size > maxBytes) throw tooLarge(request.url, maxBytes);
    pieces.push(piece);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function tooLarge(url: string, maxBytes: number): AshoreError {
  return new AshoreError("LIMIT_EXCEEDED", `The body for ${new URL(url).pathname.slice(0, 200)} has more than the ${maxBytes} bytes that it may have.`);
}

import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import type { Question, Reply } from "./asking.ts";

/** Asks a server over a socket, its target unchanged. `x-cors` tells which handler is meant. */
export async function askHttp(url: string, { method, target, headers, body, cors }: Question): Promise<Reply> {
  const { hostname, port } = new URL(url);
  const asked = request({ host: hostname, port, method, path: target, headers: { ...headers, ...(cors ? { "x-cors": "1" } : {}), "content-length": body.length } });
  asked.end(Uint8Array.from(body));
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const sent = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]));
  return { status: answer.statusCode ?? 0, headers: sent, text: new TextDecoder().decode(await buffer(answer)) };
}

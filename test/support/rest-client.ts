import { Agent, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly ms: number;
}

/** A client that never retries: one request is one attempt on one kept-alive connection. */
export function createRestClient(url: string, connections = 1): { post(path: string, body: string): Promise<Answer>; get(path: string): Promise<Answer>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const send = (method: string, path: string, body?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const start = performance.now();
      const outgoing = request(new URL(path, url), { method, agent, headers: body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) } }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString("utf8"), ms: performance.now() - start }));
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  return {
    post: (path, body) => send("POST", path, body),
    get: (path) => send("GET", path),
    close: () => agent.destroy(),
  };
}

/** Asks until the answer is as wanted; fails with the last answer after `seconds` (a bound for a broken build, not a wait). */
export async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (wanted(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`It did not come to be in ${seconds} s; the last answer was ${last instanceof Error ? last.stack : JSON.stringify(last)}`);
}

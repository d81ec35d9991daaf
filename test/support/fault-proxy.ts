import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a fault makes of a whole answer; undefined leaves it alone, "drop" cuts the connection after the headers and half the body. */
export type Fault = (path: string, answer: { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }) => { status?: number; headers?: Record<string, string>; body?: Buffer } | "drop" | "hold" | undefined;

/**
 * A network between an edge and its server, as bad as a test wants it: every answer passes through `fault`. Counts requests by
 * path, and tells when one starts.
 */
export async function startFaultProxy(target: string): Promise<{
  readonly url: string;
  readonly requests: ReadonlyMap<string, number>;
  setFault(fault: Fault | undefined): void;
  onRequest(listener: ((path: string, method: string) => void) | undefined): void;
  close(): Promise<void>;
}> {
  let fault: Fault | undefined;
  let listener: ((path: string, method: string) => void) | undefined;
  const requests = new Map<string, number>();
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const path = incoming.url ?? "/";
    requests.set(path, (requests.get(path) ?? 0) + 1);
    listener?.(path, incoming.method ?? "GET");
    const upstream = request(new URL(path, target), { method: incoming.method, headers: { ...incoming.headers, host: new URL(target).host } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const whole = { status: answer.statusCode ?? 502, headers: { ...answer.headers }, body: Buffer.concat(chunks) };
        const changed = fault?.(path, whole);
        if (changed === "hold") return;
        delete whole.headers["transfer-encoding"];
        if (changed === "drop") {
          outgoing.writeHead(whole.status, { ...whole.headers, "content-length": String(whole.body.length) });
          outgoing.write(whole.body.subarray(0, whole.body.length >> 1), () => outgoing.destroy());
          return;
        }
        const body = changed?.body ?? whole.body;
        const status = changed?.status ?? whole.status;
        const headers: Record<string, string | string[] | undefined> = { ...whole.headers, ...changed?.headers };
        if (status !== 304 && incoming.method !== "HEAD") headers["content-length"] = String(body.length);
        outgoing.writeHead(status, headers);
        outgoing.end(status === 304 ? undefined : body);
      });
    });
    upstream.on("error", () => outgoing.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    setFault: (next) => (fault = next),
    onRequest: (next) => (listener = next),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import { connect, type Socket } from "node:net";

/**
 * Answers per second that a server gives to one request over and over, on keep-alive connections that each send the next
 * request when the answer has come. Answers are counted by their bytes, which costs the client nothing: all are equally long,
 * as the first one says.
 */
export async function answersPerSecond(url: string, headers: Readonly<Record<string, string>>, { connections, seconds, status }: { readonly connections: number; readonly seconds: number; readonly status: number }): Promise<number> {
  const { hostname, port, pathname, host } = new URL(url);
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`);
  const request = `GET ${pathname} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
  const size = await sizeOfAnswer(hostname, Number(port), request, status);
  let answers = 0;
  let running = true;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: connections }, () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      return new Promise<void>((resolve, reject) => {
        let received = 0;
        socket.on("data", (chunk: Buffer) => {
          received += chunk.byteLength;
          if (received < size) return;
          if (received > size) reject(new Error(`an answer of ${url} was longer than the first`));
          received = 0;
          answers += 1;
          if (running) socket.write(request);
          else socket.destroy();
        });
        socket.once("connect", () => socket.write(request));
        socket.once("error", reject);
        socket.once("close", () => resolve());
        setTimeout(() => (running = false), seconds * 1000);
      });
    }),
  );
  return answers / ((performance.now() - started) / 1000);
}

async function sizeOfAnswer(host: string, port: number, request: string, status: number): Promise<number> {
  const socket = connect({ host, port });
  try {
    socket.write(request);
    return await firstAnswer(socket, status);
  } finally {
    socket.destroy();
  }
}

async function firstAnswer(socket: Socket, status: number): Promise<number> {
  let head = "";
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    head += chunk.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    if (!head.startsWith(`HTTP/1.1 ${status} `)) throw new Error(`expected ${status}: ${head.slice(0, 100)}`);
    return end + 4 + Number(/^content-length: *([0-9]+)/im.exec(head.slice(0, end))?.[1] ?? 0);
  }
  throw new Error("the server closed the connection");
}

import type { Server } from "node:http";
import { AshoreError } from "../protocol/errors.ts";

/**
 * Listens at an address; port 0 takes a free one. Gives the URL, with the port that was really taken.
 * @throws CONFIG_INVALID where the address is taken or cannot be used
 */
export async function listenAt(server: Server, { host, port, scheme = "http" }: { readonly host: string; readonly port: number; readonly scheme?: "http" | "https" }): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    const taken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
    const why = taken ? "another process listens there; end it, or choose another port (0 picks a free one)" : cause instanceof Error ? cause.message : String(cause);
    throw new AshoreError("CONFIG_INVALID", `Port ${port} of ${host} cannot be listened at: ${why}.`, { cause });
  }
  const address = server.address();
  if (address === null || typeof address === "string") throw new AshoreError("INTERNAL", "The listener has no address.");
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}

/** Takes no more connections, waits at most `drainMs` milliseconds for the answers under way, then closes the rest. */
export function drain(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    // A connection whose answer was begun before `close` asks to be kept, and would idle for as long as keep-alive lasts.
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(deadline);
      resolve();
    });
  });
}

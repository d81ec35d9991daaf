import type { HostValues } from "../protocol/messages.ts";
import type { Ask, RequestOf, Requests } from "./requests.ts";
import type { WithSignal } from "./types.ts";

type Long = "sync" | "settle" | "improve";

/** What asks in rounds: who is asked, and which of a worker's lives answered last. */
export type Asker = Pick<Requests, "ask" | "life">;

/**
 * Asks for something long until it is over: a service worker's event must be short, so the worker answers `more`, and the page
 * asks on. A worker that dies between two rounds takes what was under way with it; then it begins anew, with what is stored.
 */
export async function inRounds<T extends Long>(asker: Asker, first: RequestOf<T>, options: WithSignal = {}): Promise<HostValues[T]> {
  const ask: Ask = asker.ask;
  let request = first;
  for (let life: string | undefined; ; ) {
    const answer = await ask<T>(request, options);
    const isLost = life !== undefined && asker.life !== life;
    life = asker.life;
    if (!answer.more && !isLost) return answer;
    request = answer.more ? joining(first) : first;
  }
}

function joining<T extends Long>(first: RequestOf<T>): RequestOf<T> {
  return "type" in first && first.type === "sync" ? { ...first, due: false, join: true } : first;
}

import { asAshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { HostNews } from "../protocol/messages.ts";
import type { ModelName } from "../protocol/names.ts";
import { SERVABLE_STATES } from "../protocol/states.ts";
import type { Connection } from "./connection.ts";
import { errorOf } from "./read-answer.ts";
import type { Watched, WithSignal } from "./types.ts";

/**
 * The states of a model as they are, then every change. A reader that is slower than the news gets the newest of each kind and
 * version: nothing grows without bound, and nobody sees a state that is over by more than one step of its own.
 */
export async function* watchModel({ asker, news, closing }: Connection, name: ModelName, { signal }: WithSignal = {}): AsyncGenerator<Watched, void, undefined> {
  const isLeft = (): boolean => signal?.aborted === true;
  if (isLeft()) return;
  const unread = new Unread();
  let wake: () => void = () => undefined;
  const wakeUp = (): void => wake();
  const unsubscribe = news.subscribe((event) => {
    const watched = watchedOf(event, name);
    if (watched === undefined) return;
    unread.put(watched);
    wakeUp();
  });
  for (const end of [signal, closing]) end?.addEventListener("abort", wakeUp);
  try {
    const states = await asker.ask({ type: "models" }, { signal }).catch((thrown: unknown) => {
      if (isLeft()) return [];
      throw thrown;
    });
    unread.putBefore((states.find((one) => one.name === name)?.versions ?? []).toReversed().map((status) => ({ type: "state", status })));
    while (!isLeft()) {
      if (closing.aborted) throw asAshoreError(closing.reason);
      const next = unread.take();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    unsubscribe();
    for (const end of [signal, closing]) end?.removeEventListener("abort", wakeUp);
  }
}

/** What was not read yet: the newest by kind and version, in the order of their last change. */
class Unread {
  readonly #newest = new Map<string, Watched>();

  put(watched: Watched): void {
    const key = keyOf(watched);
    this.#newest.delete(key);
    this.#newest.set(key, watched);
    const [oldest] = this.#newest.keys();
    if (this.#newest.size > LIMITS.trackedVersions && oldest !== undefined) this.#newest.delete(oldest);
  }

  /** States as they were asked for: news that came meanwhile goes after them, where it says more. */
  putBefore(states: readonly (Watched & { readonly type: "state" })[]): void {
    const came = [...this.#newest.values()];
    this.#newest.clear();
    for (const state of states) this.put(state);
    for (const watched of came) {
      const known = this.#newest.get(keyOf(watched));
      if (known === undefined || stepOf(known) < stepOf(watched)) this.put(watched);
    }
  }

  take(): Watched | undefined {
    for (const [key, watched] of this.#newest) {
      this.#newest.delete(key);
      return watched;
    }
    return undefined;
  }
}

function keyOf(watched: Watched): string {
  return `${watched.type} ${watched.type === "state" ? watched.status.version : watched.version}`;
}

function stepOf(watched: Watched): number {
  return watched.type === "state" ? SERVABLE_STATES.indexOf(watched.status.state) : 0;
}

function watchedOf(event: HostNews, name: ModelName): Watched | undefined {
  if (!("model" in event) || event.model !== name) return undefined;
  switch (event.type) {
    case "state":
      return { type: "state", status: event.status, ...(event.backend === undefined ? {} : { backend: event.backend }) };
    case "progress": {
      const { phase, version, bytes, totalBytes } = event;
      return { type: "progress", phase, version, bytes, totalBytes };
    }
    case "problem":
      return { type: "problem", error: errorOf(event.error), ...(event.version === undefined ? {} : { version: event.version }) };
    default:
      return undefined;
  }
}

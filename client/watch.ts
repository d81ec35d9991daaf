import { asAshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { HostNews } from "../protocol/messages.ts";
import type { ModelName, Version } from "../protocol/names.ts";
import { SERVABLE_STATES } from "../protocol/states.ts";
import type { Connection } from "./connection.ts";
import { errorOf } from "./read-answer.ts";
import type { Watched, WithSignal } from "./types.ts";

/**
 * The states of a model as they are, then every change. A reader that is slower than the news gets the newest of each kind and
 * version, in the order of their last change: nothing grows without bound.
 */
export async function* watchModel({ asker, news, closing }: Connection, name: ModelName, { signal }: WithSignal = {}): AsyncGenerator<Watched, void, undefined> {
  const isLeft = (): boolean => signal?.aborted === true;
  if (isLeft()) return;
  let unread = new Map<string, Watched>();
  let wake: () => void = () => undefined;
  const wakeUp = (): void => wake();
  const unsubscribe = news.subscribe((event) => {
    const watched = watchedOf(event, name);
    if (watched === undefined) return;
    put(unread, watched);
    wakeUp();
  });
  for (const end of [signal, closing]) end?.addEventListener("abort", wakeUp);
  try {
    const states = await asker.ask({ type: "models" }, { signal }).catch((thrown: unknown) => {
      if (isLeft()) return [];
      throw thrown;
    });
    // News that came meanwhile goes after the states that were asked for, where it says more.
    const came = unread;
    unread = new Map();
    const state = states.find((one) => one.name === name);
    const { expiredSince: since } = state ?? {};
    if (since) put(unread, { type: "trust", what: "expired", detail: "expired", since });
    for (const status of [...(state?.versions ?? [])].reverse()) put(unread, { type: "state", status });
    for (const [key, watched] of came) if (watched.type === "trust" || stepOf(unread.get(key)) < stepOf(watched)) put(unread, watched);
    while (!isLeft()) {
      if (closing.aborted) throw asAshoreError(closing.reason);
      const [next] = unread;
      if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else {
        unread.delete(next[0]);
        yield next[1];
      }
    }
  } finally {
    unsubscribe();
    for (const end of [signal, closing]) end?.removeEventListener("abort", wakeUp);
  }
}

function put(unread: Map<string, Watched>, watched: Watched): void {
  const { version } = watched.type === "state" ? watched.status : (watched as { readonly version?: Version });
  const key = watched.type + version;
  unread.delete(key);
  unread.set(key, watched);
  const [oldest] = unread.keys();
  if (unread.size > LIMITS.trackedVersions && oldest !== undefined) unread.delete(oldest);
}

/** How far a state is on its way; other news of a version has no way, and replaces nothing. */
function stepOf(watched: Watched | undefined): number {
  if (watched === undefined) return -1;
  return watched.type === "state" ? SERVABLE_STATES.indexOf(watched.status.state) : 0;
}

function watchedOf(event: HostNews, name: ModelName): Watched | undefined {
  if (event.type === "trust") return event;
  if (!("model" in event) || event.model !== name) return undefined;
  const { model: _, ...watched } = event;
  return watched.type === "problem" ? { ...watched, error: errorOf(watched.error) } : watched;
}

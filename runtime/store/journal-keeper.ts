import { toHex } from "../../protocol/digest.ts";
import { asAshoreError } from "../../protocol/errors.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { Journal, JournalModel, JournalStore, Ports, WithSignal } from "../ports.ts";
import { refuseAborted } from "../sync/abort.ts";
import { commitVersion, emptyJournal } from "./journal.ts";

/** `persisted` is false where the change holds only as long as this process lives. */
export interface Kept {
  readonly persisted: boolean;
}

export interface JournalKeeper {
  /** The journal as it is now, with the versions that run from memory. */
  current(): Journal;
  /** Whether the store takes what is written; false over a journal that a later Ashore wrote, where nothing may be evicted either. */
  readonly persistent: boolean;
  /**
   * One transition, in one write; transitions follow one another. `change` is pure, and answers the same journal where there
   * is nothing to write. Where the store is full the change holds in memory, and is written with the next one.
   * @throws STORE_FAILED where it could not be written and was not taken; CANCELLED before it began
   */
  update(change: (journal: Journal) => Journal, options?: WithSignal): Promise<Kept>;
  /**
   * A version is held. With `persisted: false` (some of its blobs are only in memory) the stored journal says nothing of it,
   * nor that it served, so that a restart goes back to the version that is stored.
   * @throws as `update`
   */
  commit(model: ModelName, version: Version, manifest: TargetInfo, options: Kept & WithSignal): Promise<Kept>;
}

export interface JournalKeeperOptions extends WithSignal {
  readonly report: Ports["report"];
  /** Frees space in the store; awaited once before a journal that did not fit is written again. It must not update the journal. */
  readonly makeRoom?: () => Promise<unknown>;
}

/**
 * Opens the journal. A damaged one is reported (STORE_CORRUPT) and begun anew: blobs stay, so that versions come back without
 * downloads as soon as trusted metadata names them. One of a later Ashore is reported (STORE_NEWER) and left alone.
 * @throws STORE_FAILED where it cannot be read
 */
export async function createJournalKeeper(store: JournalStore, random: Ports["random"], { report, makeRoom, signal }: JournalKeeperOptions): Promise<JournalKeeper> {
  let persistent = true;
  /** What the store could not take yet is written with the next transition. */
  let behind = false;
  let current = await open();
  let written = current;
  /** Keys `model/version` of what is only in memory. */
  const volatile = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();

  async function open(): Promise<Journal> {
    let stored: Journal | undefined;
    try {
      stored = await store.read({ signal });
    } catch (thrown) {
      const error = asAshoreError(thrown, "STORE_FAILED");
      if (error.code !== "STORE_CORRUPT" && error.code !== "STORE_NEWER") throw error;
      report({ type: "problem", error });
      persistent = error.code === "STORE_CORRUPT";
    }
    if (stored !== undefined) return stored;
    const fresh = emptyJournal(toHex(random(16)));
    // The bucket must not change at a restart, so the secret is stored before it is used.
    if (persistent) await write(fresh);
    return fresh;
  }

  /** Where the store is full, room is made once; where that does not help, the journal is behind, and that is reported. */
  async function write(journal: Journal): Promise<void> {
    try {
      await store.write(journal).catch(async (thrown: unknown) => {
        if (makeRoom === undefined || asAshoreError(thrown).code !== "STORE_FULL") throw thrown;
        await makeRoom();
        await store.write(journal);
      });
      behind = false;
    } catch (thrown) {
      const error = asAshoreError(thrown, "STORE_FAILED");
      if (error.code !== "STORE_FULL") throw error;
      behind = true;
      report({ type: "problem", error });
    }
  }

  function serially<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  async function take(next: Journal): Promise<Kept> {
    if (persistent && (next !== current || behind)) {
      const durable = durablePart(next, written, volatile);
      await write(durable);
      if (!behind) written = durable;
    }
    current = next;
    return { persisted: persistent && !behind };
  }

  return {
    current: () => current,
    persistent,
    update: (change, options = {}) =>
      serially(async () => {
        refuseAborted(options);
        return take(change(current));
      }),
    commit: (model, version, manifest, { persisted, ...options }) =>
      serially(async () => {
        refuseAborted(options);
        const key = `${model}/${version}`;
        if (persisted) volatile.delete(key);
        else volatile.add(key);
        const kept = await take(commitVersion(current, model, version, manifest));
        return { persisted: persisted && kept.persisted };
      }),
  };
}

/** The journal without what is only in memory; what the store had of `served` stays where the new one is of such a version. */
function durablePart(journal: Journal, before: Journal, volatile: ReadonlySet<string>): Journal {
  if (volatile.size === 0) return journal;
  const models = Object.entries(journal.models).map(([model, record]): [string, JournalModel] => {
    const isVolatile = (version: Version): boolean => volatile.has(`${model}/${version}`);
    const held = record.held.filter(({ version }) => !isVolatile(version));
    const served = record.served !== null && isVolatile(record.served.version) ? (before.models[model]?.served ?? null) : record.served;
    return [model, { ...record, held, served }];
  });
  return { ...journal, models: Object.fromEntries(models) };
}

import type { JournalStore } from "../runtime/ports.ts";
import { parseJournal } from "../runtime/store/index.ts";
import { refuseAborted } from "../runtime/sync/abort.ts";
import type { Values } from "./values.ts";

const KEY = "journal";

/** The journal as one value: a write is one `put`, whole or not at all. */
export function journalStore(values: Values): JournalStore {
  return {
    read: async (options) => {
      refuseAborted(options);
      const stored = await values.get(KEY);
      return stored === undefined ? undefined : parseJournal(stored, "the journal in this browser's database");
    },
    write: async (journal, options) => {
      refuseAborted(options);
      await values.set(KEY, journal);
    },
  };
}

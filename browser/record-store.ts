import type { RecordStore } from "../runtime/ports.ts";
import { refuseAborted } from "../runtime/sync/abort.ts";
import type { Values } from "./values.ts";

const keyOf = (name: string): string => `record:${name}`;

/** Records as values, one each, beside the others. What is no bytes was not written here, and counts as nothing. */
export function recordStore(values: Values): RecordStore {
  return {
    read: async (name, options) => {
      refuseAborted(options);
      const stored = await values.get(keyOf(name));
      return stored instanceof Uint8Array ? new Uint8Array(stored) : undefined;
    },
    write: async (name, bytes, options) => {
      refuseAborted(options);
      // A view would be stored with all the memory that it is a window of.
      await values.set(keyOf(name), bytes.slice());
    },
    delete: (name) => values.delete(keyOf(name)),
  };
}

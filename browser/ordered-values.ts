import type { Values } from "./values.ts";

export interface OrderedValues {
  /** Writes settle when they are durable, and with them everything that was written before, by either way. */
  readonly durable: Values;
  /** Writes settle at once and become durable in their order; one that fails is thrown by the next write of either way. */
  readonly ahead: Values;
}

/**
 * Values over a base, written strictly one after the other. What is written ahead is read back at once, and after a crash what
 * is there is what was written up to some moment: enough where order is what counts, and a write takes milliseconds.
 */
export function orderedValues(base: Values): OrderedValues {
  const pending = new Map<string, { readonly value: unknown }>();
  let tail: Promise<void> = Promise.resolve();
  let failure: { readonly thrown: unknown } | undefined;

  function append(key: string, value: unknown, write: () => Promise<void>): Promise<void> {
    const entry = { value };
    pending.set(key, entry);
    const written = tail.then(write).finally(() => {
      if (pending.get(key) === entry) pending.delete(key);
    });
    tail = written.catch(() => undefined);
    return written;
  }

  function raise(): void {
    const failed = failure;
    failure = undefined;
    if (failed !== undefined) throw failed.thrown;
  }

  const get = async (key: string): Promise<unknown> => {
    const entry = pending.get(key);
    return entry === undefined ? base.get(key) : structuredClone(entry.value);
  };
  const set = (key: string, value: unknown): Promise<void> => {
    const copy: unknown = structuredClone(value);
    return append(key, copy, () => base.set(key, copy));
  };
  const remove = (key: string): Promise<void> => append(key, undefined, () => base.delete(key));
  const durable = async (written: Promise<void>): Promise<void> => {
    await written;
    raise();
  };
  const ahead = async (written: Promise<void>): Promise<void> => {
    written.catch((thrown: unknown) => (failure = { thrown }));
    raise();
  };
  return {
    durable: { get, set: (key, value) => durable(set(key, value)), delete: (key) => durable(remove(key)) },
    ahead: { get, set: (key, value) => ahead(set(key, value)), delete: (key) => ahead(remove(key)) },
  };
}

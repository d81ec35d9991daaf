import { asAshoreError, type AshoreError } from "../protocol/errors.ts";

/** Named values that survive structured cloning, each written whole. Promises of writes settle when they are durable. */
export interface Values {
  /** Undefined where there is none. @throws STORE_FAILED */
  get(key: string): Promise<unknown>;
  /** @throws STORE_FULL, STORE_FAILED */
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

/**
 * Values that live as long as this worker. Over a `base`, what was not written here is what the base has now; the base itself
 * is never written.
 */
export function memoryValues(base?: Pick<Values, "get">): Values {
  const written = new Map<string, unknown>();
  return {
    get: async (key) => (written.has(key) ? structuredClone(written.get(key)) : base?.get(key)),
    set: async (key, value) => void written.set(key, structuredClone(value)),
    delete: async (key) => void written.set(key, undefined),
  };
}

export interface SpillingValues extends Values {
  /** Whether something lives in memory alone now. */
  readonly spilled: boolean;
}

/** The base's values; what it has no room for lives as long as this worker, and `onFull` hears of the first. */
export function spillingValues(base: Values, onFull: (error: AshoreError) => void): SpillingValues {
  const spilled = new Map<string, unknown>();
  let isTold = false;
  return {
    get spilled() {
      return spilled.size > 0;
    },
    get: async (key) => (spilled.has(key) ? structuredClone(spilled.get(key)) : base.get(key)),
    set: async (key, value) => {
      try {
        await base.set(key, value);
        spilled.delete(key);
      } catch (thrown) {
        const error = asAshoreError(thrown, "STORE_FAILED");
        if (error.code !== "STORE_FULL") throw error;
        spilled.set(key, structuredClone(value));
        if (!isTold) onFull(error);
        isTold = true;
      }
    },
    delete: async (key) => {
      await base.delete(key);
      spilled.delete(key);
    },
  };
}

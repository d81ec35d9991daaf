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

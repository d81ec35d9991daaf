import { del, get, promisifyRequest, set, type UseStore } from "idb-keyval";
import { isQuota, storeError } from "./store-error.ts";
import type { Values } from "./values.ts";

const OBJECT_STORE = "values";

/**
 * Values in an IndexedDB database of that name. Browsers close databases by themselves, and other code may delete them any time:
 * then it is opened anew, empty if it was deleted, and what failed is done once more (reads, and writes of whole values, may be).
 */
export function idbValues(database: string): Values {
  const { use, close } = connection(database);

  async function attempt<T>(what: string, work: (use: UseStore) => Promise<T>): Promise<T> {
    try {
      return await work(use).catch(async (thrown: unknown) => {
        if (isQuota(thrown)) throw thrown;
        await close();
        return work(use);
      });
    } catch (thrown) {
      throw await storeError(thrown, `${what} the database ${database}`);
    }
  }

  return {
    get: (key) => attempt(`read ${key} from`, (from) => get<unknown>(key, from)),
    set: (key, value) => attempt(`write ${key} to`, (into) => set(key, value, into)),
    delete: (key) => attempt(`delete ${key} from`, (from) => del(key, from)),
  };
}

/** Transactions over one connection, which is opened when it is needed and makes way for who wants to delete the database. */
function connection(name: string): { readonly use: UseStore; close(): Promise<void> } {
  let opening: Promise<IDBDatabase> | undefined;

  function connected(): Promise<IDBDatabase> {
    const own = (opening ??= open(name).then((database) => {
      const forget = (): void => void (opening === own && (opening = undefined));
      database.onclose = forget;
      database.onversionchange = () => {
        database.close();
        forget();
      };
      return database;
    }));
    return own;
  }

  return {
    use: async (mode, callback) => callback((await connected()).transaction(OBJECT_STORE, mode).objectStore(OBJECT_STORE)),
    close: async () => {
      const before = opening;
      opening = undefined;
      await before?.then((database) => database.close(), () => undefined);
    },
  };
}

/** A database that other code made under this name, without our object store, gets one. */
async function open(name: string): Promise<IDBDatabase> {
  const database = await openVersion(name);
  if (database.objectStoreNames.contains(OBJECT_STORE)) return database;
  const { version } = database;
  database.close();
  return openVersion(name, version + 1);
}

function openVersion(name: string, version?: number): Promise<IDBDatabase> {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = () => void request.result.createObjectStore(OBJECT_STORE);
  return promisifyRequest(request);
}

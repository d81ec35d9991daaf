import { AshoreError } from "../../../protocol/errors.ts";
import { createUpdater, type Clock, type RecordStore } from "../../../runtime/trust/index.ts";

/** What a repository does in the life of a device, as data that survives JSON: bytes are base64. */
export interface Vector {
  /** The root that the device was shipped with. */
  readonly root: string;
  readonly rounds: readonly Round[];
}

/** One update of the device, and where `find` says so a target after it. */
export interface Round {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What the repository serves, by `metadata/...` and `targets/...`; anything else is answered with 404. */
  readonly files: Readonly<Record<string, string>>;
  /** Answers of another status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly find?: string | undefined;
}

export interface Outcome {
  /** The code of the refusal, or OK. */
  readonly code: string;
  readonly requests: readonly string[];
  /** The versions of the metadata that is stored afterwards, by the names of its records. */
  readonly trusted: Readonly<Record<string, number>>;
  /** Whether every stored byte is as it was received. */
  readonly asReceived: boolean;
  /** The role that signed for the target, null where none did. */
  readonly role?: string | null;
  /** The target's bytes, base64. */
  readonly target?: string;
}

type Bytes = Uint8Array<ArrayBuffer>;
const METADATA = "https://metadata.example/of/models/";
const TARGETS = "https://files.example/";

/** The updater over a vector; `restarted` makes each round a process of its own. */
export async function runVector({ root, rounds }: Vector, { restarted }: { readonly restarted: boolean }): Promise<readonly Outcome[]> {
  const records = new Map<string, Bytes>();
  const received = new Set([root]);
  const requests: string[] = [];
  let present: Round = { now: 0, files: {}, statuses: {} };

  const fetch = async (url: string): Promise<Response> => {
    const path = url.startsWith(METADATA) ? `metadata/${url.slice(METADATA.length)}` : `targets/${url.slice(TARGETS.length)}`;
    requests.push(path);
    const status = present.statuses[path];
    const file = present.files[path];
    if (status !== undefined || file === undefined) return new Response("", { status: status ?? 404 });
    received.add(file);
    return new Response(ofBase64(file));
  };
  const store: RecordStore = {
    read: async (name) => records.get(name),
    write: async (name, bytes) => void records.set(name, bytes),
    delete: async (name) => void records.delete(name),
  };
  const start = () => createUpdater({ metadataUrl: METADATA, targetsUrl: TARGETS, root: ofBase64(root), fetch, store, clock: clockAt(() => present.now) });

  const outcomes: Outcome[] = [];
  let updater = start();
  for (present of rounds) {
    requests.length = 0;
    if (restarted) updater = start();
    const { find } = present;
    const answer = await outcome(async () => {
      await updater.poll({ whole: true });
      if (find === undefined) return {};
      const found = await updater.find(find);
      if (found === undefined) return { role: null };
      return { role: found.role, target: base64Of(await updater.fetchTarget(find, found.file)) };
    });
    const metadata = [...records].filter(([name]) => name.endsWith(".json"));
    outcomes.push({
      ...answer,
      requests: [...requests],
      trusted: Object.fromEntries(metadata.map(([name, bytes]) => [name.slice(0, -".json".length), versionOf(bytes)])),
      asReceived: metadata.every(([, bytes]) => received.has(base64Of(bytes))),
    });
  }
  return outcomes;
}

async function outcome(run: () => Promise<Pick<Outcome, "role" | "target">>): Promise<Pick<Outcome, "code" | "role" | "target">> {
  try {
    return { code: "OK", ...(await run()) };
  } catch (error) {
    if (error instanceof AshoreError) return { code: error.code };
    throw error;
  }
}

/** Time stands still: nothing here is slow. */
function clockAt(now: () => number): Clock {
  const sleep: Clock["sleep"] = (_, { signal } = {}) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("aborted")));
    });
  return { now, sleep };
}

function versionOf(bytes: Bytes): number {
  const { signed }: { readonly signed: { readonly version: number } } = JSON.parse(new TextDecoder().decode(bytes));
  return signed.version;
}

function ofBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function base64Of(bytes: Bytes): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

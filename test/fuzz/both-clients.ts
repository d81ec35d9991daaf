import { EqualVersionError } from "tuf-js/dist/error.js";
import { TrustedMetadataStore } from "tuf-js/dist/store.js";
import { AshoreError, type ErrorCode } from "../../protocol/errors.ts";
import { TrustedSet, type Targets } from "../../protocol/tuf/index.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Metadata in the order of the workflow. A device trusts the first root, and saw the older timestamp and snapshot before. */
export const STEPS = ["root1", "root2", "timestamp", "snapshot", "targets", "role"] as const;
export type Step = (typeof STEPS)[number];
export type Files = Readonly<Record<Step | "oldTimestamp" | "oldSnapshot", Bytes>>;

/** How far a client went, why it stopped, and what it believed by then. */
export interface Outcome {
  readonly accepted: readonly Step[];
  readonly refusal: ErrorCode | "tuf-js" | undefined;
  readonly view: unknown;
}

/** @throws anything but a typed refusal of metadata: a crash */
export async function ours(files: Files, now: number): Promise<Outcome> {
  const accepted: Step[] = [];
  let set: TrustedSet | undefined;
  let refusal: ErrorCode | undefined;
  try {
    set = await TrustedSet.start(files.root1, { now });
    accepted.push("root1");
    await set.updateRoot(files.root2);
    accepted.push("root2");
    set.finishRoot();
    await set.loadTimestamp(files.oldTimestamp);
    await set.updateTimestamp(files.timestamp);
    accepted.push("timestamp");
    if (!(await set.loadSnapshot(files.oldSnapshot))) await set.updateSnapshot(files.snapshot);
    accepted.push("snapshot");
    await set.updateTargets(files.targets);
    accepted.push("targets");
    await set.updateTargets(files.role, "role", "targets");
    accepted.push("role");
  } catch (error) {
    if (!(error instanceof AshoreError) || !(error.code.startsWith("METADATA_") || error.code === "KEY_UNSUPPORTED")) throw error;
    refusal = error.code;
  }
  return { accepted, refusal, view: set && viewOfOurs(set, accepted) };
}

export function theirs(files: Files): Outcome {
  const accepted: Step[] = [];
  const buffer = (name: keyof Files): Buffer => Buffer.from(files[name]);
  let store: TrustedMetadataStore | undefined;
  try {
    store = new TrustedMetadataStore(buffer("root1"));
    accepted.push("root1");
    store.updateRoot(buffer("root2"));
    accepted.push("root2");
    attempt(() => store?.updateTimestamp(buffer("oldTimestamp")));
    attempt(() => store?.updateTimestamp(buffer("timestamp")), EqualVersionError);
    accepted.push("timestamp");
    let isCurrent = false;
    attempt(() => {
      store?.updateSnapshot(buffer("oldSnapshot"), true);
      isCurrent = true;
    });
    if (!isCurrent) store.updateSnapshot(buffer("snapshot"));
    accepted.push("snapshot");
    store.updateDelegatedTargets(buffer("targets"), "targets", "root");
    accepted.push("targets");
    store.updateDelegatedTargets(buffer("role"), "role", "targets");
    accepted.push("role");
  } catch {
    return { accepted, refusal: "tuf-js", view: store && viewOfTheirs(store, accepted) };
  }
  return { accepted, refusal: undefined, view: viewOfTheirs(store, accepted) };
}

/** A step whose failure ends nothing; with `only`, a failure of that kind. */
function attempt(step: () => unknown, only?: typeof EqualVersionError): void {
  try {
    step();
  } catch (error) {
    if (only !== undefined && !(error instanceof only)) throw error;
  }
}

/** What was trusted, in the same words for both. A step that was refused changes nothing. */
function viewOfOurs(set: TrustedSet, accepted: readonly Step[]): unknown {
  const { root: { signed }, timestamp, snapshot } = set;
  return {
    root: { version: signed.version, expires: signed.expires, keys: new Set(signed.keys.keys()), roles: mapped(Object.entries(signed.roles), ({ keyids, threshold }) => ({ keyids: new Set(keyids), threshold })) },
    timestamp: accepted.includes("timestamp") && { version: timestamp?.signed.version, expires: timestamp?.signed.expires, snapshot: timestamp?.signed.snapshot.version },
    snapshot: accepted.includes("snapshot") && { version: snapshot?.signed.version, expires: snapshot?.signed.expires, roles: mapped(snapshot?.signed.roles ?? [], ({ version }) => version) },
    targets: accepted.includes("targets") && viewOfTargets(set.targets()?.signed),
    role: accepted.includes("role") && viewOfTargets(set.targets("role", "targets")?.signed),
  };
}

function viewOfTargets(signed: Targets | undefined): unknown {
  return {
    version: signed?.version,
    expires: signed?.expires,
    targets: mapped(signed?.targets ?? [], ({ length, hashes }) => ({ length, hashes: Object.fromEntries(hashes) })),
    // Their order counts.
    delegations: signed?.delegations.roles.map(({ name, keyids, threshold, terminating, paths, pathHashPrefixes }) => ({ name, keyids: new Set(keyids), threshold, terminating, paths, pathHashPrefixes })),
  };
}

function viewOfTheirs(store: TrustedMetadataStore, accepted: readonly Step[]): unknown {
  const { root: { signed }, timestamp, snapshot } = store;
  const targetsOf = (name: string): unknown => {
    const role = store.getRole(name)?.signed;
    return {
      version: role?.version,
      expires: time(role?.expires),
      targets: mapped(Object.entries(role?.targets ?? {}), ({ length, hashes }) => ({ length, hashes: { ...hashes } })),
      delegations: Object.values(role?.delegations?.roles ?? {}).map(({ name: delegated, keyIDs, threshold, terminating, paths, pathHashPrefixes }) => ({ name: delegated, keyids: new Set(keyIDs), threshold, terminating, paths, pathHashPrefixes })),
    };
  };
  return {
    root: { version: signed.version, expires: time(signed.expires), keys: new Set(Object.keys(signed.keys)), roles: mapped(Object.entries(signed.roles), ({ keyIDs, threshold }) => ({ keyids: new Set(keyIDs), threshold })) },
    timestamp: accepted.includes("timestamp") && { version: timestamp?.signed.version, expires: time(timestamp?.signed.expires), snapshot: timestamp?.signed.snapshotMeta.version },
    snapshot: accepted.includes("snapshot") && { version: snapshot?.signed.version, expires: time(snapshot?.signed.expires), roles: mapped(Object.entries(snapshot?.signed.meta ?? {}).map(([name, file]) => [name.replace(/\.json$/, ""), file]), ({ version }) => version) },
    targets: accepted.includes("targets") && targetsOf("targets"),
    role: accepted.includes("role") && targetsOf("role"),
  };
}

const time = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));

function mapped<Value, View>(entries: Iterable<readonly [string, Value]>, view: (value: Value) => View): Readonly<Record<string, View>> {
  return Object.fromEntries([...entries].map(([name, value]) => [name, view(value)]));
}

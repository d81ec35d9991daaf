import { digestOf, type Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { metadataFileName, TrustedSet, unlessRefused } from "../../protocol/tuf/index.ts";
import type { RecordStore, WithSignal } from "../ports.ts";
import type { MetadataSource } from "./metadata-source.ts";
import { isPinned, newestRoot, readRootPin, writeRootPin, type RootPin } from "./root-pin.ts";
import { forgetSeen } from "./seen.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface RootChainOptions extends WithSignal {
  readonly source: MetadataSource;
  readonly store: RecordStore;
  /** The time of the whole update (The Update Framework 5.1). */
  readonly now: number;
  /** Root metadata that came with the program. */
  readonly shipped: Bytes | undefined;
  /** Awaited before anything of an old chain is dropped. */
  readonly onTrustReset: () => Promise<void>;
}

export interface RootChain {
  readonly set: TrustedSet;
  /** The root that the walk started from, as it was trusted before. */
  readonly before: TrustedSet["root"];
  readonly trustReset: boolean;
  /** The digest of the root that was pinned now. */
  readonly pinned?: Digest;
}

const ROOT = metadataFileName("root");

/**
 * From the root that is trusted here to the repository's newest (5.2, 5.3). Each new root is pinned and stored as soon as it
 * is proved (5.3.8).
 * @throws METADATA_ROLLBACK for a chain that ends before roots that were trusted here
 */
export async function walkRootChain(options: RootChainOptions): Promise<RootChain> {
  const { source, store, now } = options;
  const start = await startingRoot(options);
  let { pin } = start;
  const set = await TrustedSet.start(start.bytes, { now });
  const before = set.root;
  for (let steps = 0; steps < LIMITS.rootRotations; steps++) { // 5.3.3, 5.3.9
    const version = set.root.signed.version + 1; // 5.3.2
    const bytes = await source.root(version, options);
    if (bytes === undefined) break; // 5.3.3
    await set.updateRoot(bytes); // 5.3.4-5.3.7
    pin = await extended(pin, version, bytes);
    await writeRootPin(store, pin);
    await store.write(ROOT, bytes, options); // 5.3.8
  }
  const newest = newestRoot(pin);
  if (set.root.signed.version < newest.version) {
    throw new AshoreError("METADATA_ROLLBACK", `The server's root chain ends at version ${set.root.signed.version}, and version ${newest.version} was trusted here before: a mirror is behind, or someone plays old metadata back.`);
  }
  return { set, before, trustReset: start.trustReset, ...(start.pinned !== undefined && { pinned: start.pinned }) };
}

interface Start {
  readonly bytes: Bytes;
  readonly pin: RootPin;
  readonly trustReset: boolean;
  readonly pinned?: Digest;
}

async function startingRoot(options: RootChainOptions): Promise<Start> {
  const { store, shipped } = options;
  const { pin, present } = await readRootPin(store);
  const stored = await store.read(ROOT, options);
  if (pin !== undefined) return fromPin(pin, stored, options);
  const own = stored && (await described(stored).catch(() => undefined));
  if (stored && own) {
    // The metadata folder came with a root alone, or both pins are damaged: what is stored proves itself, and is pinned.
    const adopted = { roots: [own] };
    await writeRootPin(store, adopted);
    return { pinned: own.digest, ...(await fromPin(adopted, stored, options)) };
  }
  // Nothing is left to hold on to: a fresh device, or one that lost pin and root alike, which must be said.
  return anchor(shipped ?? (await firstRoot(options)), present, options);
}

/** Goes on from what is pinned, unless the program ships a root of another chain. */
async function fromPin(pin: RootPin, stored: Bytes | undefined, options: RootChainOptions): Promise<Start> {
  const { shipped, store } = options;
  const shippedRoot = shipped && { bytes: shipped, ...(await described(shipped)) };
  const held = (): Promise<Bytes> => heldRoot(pin, stored, shippedRoot, options);
  if (shippedRoot === undefined || isPinned(pin, shippedRoot.digest)) return { bytes: await held(), pin, trustReset: false };
  // The two are one chain where the older leads to the newer.
  const [oldest] = pin.roots;
  if (oldest !== undefined && shippedRoot.version < oldest.version) {
    const chain = await leadsTo(shippedRoot.bytes, oldest, options);
    if (chain === undefined) return anchor(shippedRoot.bytes, true, options);
    const longer = { roots: [...chain, ...pin.roots] };
    await writeRootPin(store, longer);
    return { bytes: await held(), pin: longer, trustReset: false };
  }
  if (shippedRoot.version > newestRoot(pin).version) {
    const bytes = await unlessRefused(held);
    if (bytes !== undefined && (await leadsTo(bytes, shippedRoot, options)) !== undefined) return { bytes, pin, trustReset: false };
  }
  return anchor(shippedRoot.bytes, true, options);
}

/** The stored root, or where that is damaged another that was pinned: the shipped one, or the newest from the server. */
async function heldRoot(pin: RootPin, stored: Bytes | undefined, shipped: { readonly bytes: Bytes; readonly digest: Digest } | undefined, options: RootChainOptions): Promise<Bytes> {
  if (stored !== undefined && isPinned(pin, await digestOf(stored))) return stored;
  const found = shipped !== undefined && isPinned(pin, shipped.digest) ? shipped.bytes : await pinnedRoot(pin, options);
  await options.store.write(ROOT, found);
  return found;
}

/** Pins a root as the first; what came from another chain is dropped before. */
async function anchor(bytes: Bytes, trustReset: boolean, { store, onTrustReset }: RootChainOptions): Promise<Start> {
  const root = await described(bytes);
  if (trustReset) {
    await onTrustReset();
    for (const role of ["timestamp", "snapshot", "targets"]) await store.delete(metadataFileName(role));
    await forgetSeen(store);
  }
  const pin = { roots: [root] };
  await writeRootPin(store, pin);
  await store.write(ROOT, bytes);
  return { bytes, pin, trustReset, pinned: root.digest };
}

/** Trust on first use: the server's first root. */
async function firstRoot({ source, signal }: RootChainOptions): Promise<Bytes> {
  const bytes = await source.root(1, { signal });
  if (bytes !== undefined) return bytes;
  throw new AshoreError("TARGET_NOT_FOUND", "The server has no 1.root.json, so there is nothing to start trust from. Is it an Ashore server, and did it publish already?");
}

/** The stored root is damaged: the newest that was pinned, from the server, and no other bytes than those. */
async function pinnedRoot(pin: RootPin, { source, signal }: RootChainOptions): Promise<Bytes> {
  const { version, digest } = newestRoot(pin);
  const bytes = await source.root(version, { signal });
  if (bytes !== undefined && (await digestOf(bytes)) === digest) return bytes;
  throw new AshoreError("METADATA_MISMATCH", `The stored root is damaged, and the server ${bytes === undefined ? "has none" : "has another"} of version ${version}; only ${digest} was pinned here. To trust that server anew, give its root explicitly.`);
}

/** The roots from `from` up to before `to`, where the server's chain leads there; undefined where it does not. */
async function leadsTo(from: Bytes, to: RootPin["roots"][number], { source, now, signal }: RootChainOptions): Promise<RootPin["roots"] | undefined> {
  const set = await TrustedSet.start(from, { now });
  const chain = [await described(from)];
  for (let steps = 0; steps < LIMITS.rootRotations; steps++) {
    const bytes = await source.root(set.root.signed.version + 1, { signal });
    if (bytes === undefined) return undefined;
    const follows = await unlessRefused(() => set.updateRoot(bytes).then(() => true));
    if (follows === undefined) return undefined;
    const next = await described(bytes);
    if (next.version === to.version) return next.digest === to.digest ? chain : undefined;
    chain.push(next);
  }
  return undefined;
}

async function extended(pin: RootPin, version: number, bytes: Bytes): Promise<RootPin> {
  const digest = await digestOf(bytes);
  const known = pin.roots.find((root) => root.version === version);
  if (known === undefined) return { roots: [...pin.roots, { version, digest }] };
  if (known.digest === digest) return pin;
  throw new AshoreError("METADATA_MISMATCH", `The server's root ${version} is not the one that was trusted here before (${known.digest}): two roots of one version were signed.`);
}

async function described(bytes: Bytes): Promise<RootPin["roots"][number]> {
  const { root } = await TrustedSet.start(bytes, { now: Number.NEGATIVE_INFINITY });
  return { version: root.signed.version, digest: await digestOf(bytes) };
}

import * as v from "valibot";
import type { Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { parseManifest } from "../../protocol/manifest.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import type { WithSignal } from "../ports.ts";
import { blobsOf } from "./blobs-of.ts";
import { blobPath, targetPath, type FileStorage, type ListedFile } from "./file-storage.ts";
import { KEEP_MS } from "./keep.ts";
import { planContents, planMetadata } from "./plan.ts";

const metaSchema = v.object({ signed: v.object({ meta: v.record(v.string(), v.object({ version: v.number() })) }) });
const targetsSchema = v.object({
  signed: v.object({ targets: v.optional(v.record(v.string(), v.object({ hashes: v.object({ sha256: v.string() }) })), () => ({})) }),
});

export interface GarbageOptions extends WithSignal {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Say what would go, and remove nothing. Default false. */
  readonly dryRun?: boolean | undefined;
}

export interface Garbage {
  readonly removed: readonly ListedFile[];
  /** Bytes that they took. */
  readonly bytes: number;
}

/**
 * Removes what no published metadata names: superseded metadata first, then targets and blobs. Every root stays, and what was
 * named within the last 24 h. What writes left that were cut off goes with it. Safe beside a server and a publish on the same folder.
 * @throws STORE_CORRUPT where the published metadata cannot be read: then nothing is known to be garbage
 */
export async function collectGarbage(storage: FileStorage, { now, dryRun = false, signal }: GarbageOptions): Promise<Garbage> {
  // Contents are listed before metadata is read, so that what a publish writes and signs meanwhile is not on the list.
  const contents = [...(await storage.list("blobs", { signal })), ...(await storage.list("targets", { signal }))];
  const current = await currentVersions(storage, { signal });
  const { keep, remove } = planMetadata(await storage.list("metadata", { signal }), current, now);
  const named = new Set<string>();
  for (const { path, role } of keep) {
    if (role === "root" || role === "snapshot") continue;
    for (const name of await contentsNamedBy(storage, path, { signal })) named.add(name);
  }
  const removed: ListedFile[] = [];
  for (const file of [...remove, ...planContents(contents, named, now)]) {
    signal?.throwIfAborted();
    // A publish that wants the same bytes again has written them anew since they were listed.
    const there = await storage.stat(file.path, { signal });
    if (there?.modified !== file.modified) continue;
    if (!dryRun) await storage.delete(file.path);
    removed.push(file);
  }
  if (!dryRun) for (const folder of ["blobs", "targets"]) removed.push(...(await storage.sweep(folder, now - KEEP_MS)));
  return { removed, bytes: removed.reduce((sum, { size }) => sum + size, 0) };
}

/** The version of each role, by the name in its file's name, that the timestamp leads to. */
async function currentVersions(storage: FileStorage, options: WithSignal): Promise<ReadonlyMap<string, number>> {
  const timestamp = v.parse(metaSchema, await readJson(storage, "metadata/timestamp.json", options));
  const snapshotVersion = timestamp.signed.meta["snapshot.json"]?.version ?? 0;
  const snapshot = v.parse(metaSchema, await readJson(storage, `metadata/${snapshotVersion}.snapshot.json`, options));
  const current = new Map([["snapshot", snapshotVersion]]);
  for (const [name, { version }] of Object.entries(snapshot.signed.meta)) current.set(encodeURIComponent(name.replace(/\.json$/, "")), version);
  return current;
}

/** The paths of the targets that a role's metadata names, and of the blobs that their manifests name. */
async function contentsNamedBy(storage: FileStorage, metadata: string, options: WithSignal): Promise<string[]> {
  const { signed } = v.parse(targetsSchema, await readJson(storage, metadata, options));
  const paths: string[] = [];
  for (const [target, { hashes }] of Object.entries(signed.targets)) {
    const path = targetPath(target, hashes.sha256);
    paths.push(path);
    const bytes = target.endsWith("/manifest.json") ? await storage.read(path, options) : undefined;
    if (bytes === undefined) continue;
    for (const { digest, encodings } of blobsOf(parseManifest(bytes, path))) paths.push(...[digest, ...encodings.map((encoding): Digest => encoding.digest)].map(blobPath));
  }
  return paths;
}

async function readJson(storage: FileStorage, path: string, options: WithSignal): Promise<unknown> {
  const bytes = await storage.read(path, options);
  if (bytes === undefined) throw new AshoreError("STORE_CORRUPT", `${path} is missing although published metadata leads to it; nothing was removed. Restore the folder from a backup or a replica.`);
  return parseStrictJson(bytes, path);
}

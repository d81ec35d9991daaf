import { digestOfHex, type Digest } from "../../protocol/digest.ts";
import type { Manifest } from "../../protocol/manifest.ts";
import type { StoredModel } from "../../protocol/messages.ts";
import { isModelName } from "../../protocol/names.ts";
import type { BlobStore, Journal, JournalModel, WithSignal } from "../ports.ts";
import { blobsOf } from "../sync/plan.ts";
import { readManifests } from "./read-version.ts";

/** What is stored, by model. `blobs` must verify what it reads. @throws STORE_FAILED, CANCELLED */
export async function listStoredModels(blobs: BlobStore, journal: Journal, options: WithSignal = {}): Promise<readonly StoredModel[]> {
  const sizes = new Map((await blobs.list()).map(({ digest, size }) => [digest, size]));
  const digests = Object.values(journal.models).flatMap(({ held }) => held.map(({ manifest }) => digestOfHex(manifest.sha256)));
  return storedModels(journal, sizes, await readManifests(blobs, digests, options));
}

/** Models with a version that is held, with the sizes of what is really stored; a blob that versions share counts once in each. Pure. */
export function storedModels(journal: Journal, sizes: ReadonlyMap<Digest, number>, manifests: ReadonlyMap<Digest, Manifest>): readonly StoredModel[] {
  const needs = new Map(Object.entries(journal.models).map(([name, record]) => [name, digestsOfModel(record, manifests)]));
  const sizeOf = (digests: Iterable<Digest>): number => [...digests].reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0);
  return Object.entries(journal.models).flatMap(([name, record]) => {
    if (!isModelName(name) || record.held.length === 0) return [];
    const others = [...needs].flatMap(([other, digests]) => (other === name ? [] : [digests]));
    const own = [...(needs.get(name) ?? [])].filter((digest) => !others.some((digests) => digests.has(digest)));
    const versions = record.held.map(({ version, manifest }) => ({ version, bytes: sizeOf(digestsOfVersion(digestOfHex(manifest.sha256), manifests)) }));
    return [{ name, versions: versions.toSorted((a, b) => b.version - a.version), bytes: sizeOf(own) }];
  });
}

function digestsOfModel({ config, held }: JournalModel, manifests: ReadonlyMap<Digest, Manifest>): ReadonlySet<Digest> {
  const digests = held.flatMap(({ manifest }) => [...digestsOfVersion(digestOfHex(manifest.sha256), manifests)]);
  return new Set(config === null ? digests : [...digests, digestOfHex(config.target.sha256)]);
}

function digestsOfVersion(manifest: Digest, manifests: ReadonlyMap<Digest, Manifest>): ReadonlySet<Digest> {
  const known = manifests.get(manifest);
  return new Set([manifest, ...(known === undefined ? [] : blobsOf(known).map(({ digest }) => digest))]);
}

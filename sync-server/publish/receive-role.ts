import { digestOfHex, verifyDigest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { parseManifest } from "../../protocol/manifest.ts";
import { isModelName, versionOfFolder, type ModelName, type Version } from "../../protocol/names.ts";
import { manifestPath } from "../../protocol/serving-config.ts";
import { parseMetadata } from "../../protocol/tuf/index.ts";
import type { WithSignal } from "../ports.ts";
import { PUBLISHER_PREFIX, type AcceptedRole, type SignedState, type SignedTarget } from "../sign/index.ts";
import { targetsOf } from "../sign/compose.ts";
import { blobPath, encodingsOf, keepFresh, targetPath } from "../storage/index.ts";
import { changeServing, type ServingPorts } from "./change-serving.ts";
import { addVersion, servingConfigFor, type ServingRecord } from "./policy.ts";

export interface RoleUpload {
  readonly role: string;
  /** The metadata, as it was signed elsewhere. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface ReceivePorts extends ServingPorts {
  /** {@link import("../sign/index.ts").acceptRole} of this data folder. */
  readonly accept: (upload: RoleUpload, options: WithSignal) => Promise<AcceptedRole>;
  /** Something was signed. */
  readonly onSigned: () => void;
}

export interface ReceivedRole extends AcceptedRole {
  readonly model: ModelName;
  /** The versions that devices are offered now. */
  readonly offered: readonly Version[];
}

/**
 * Takes what a publisher signed, and offers it to devices: the server signs its own part over it (serving config, snapshot,
 * timestamp) and can add nothing of its own. The same bytes again are taken too, so that an upload whose end was lost, on either
 * side, is finished by repeating it. A version that a revert took out stays out.
 * @throws NOT_FOUND for a role that is no publisher's; VERSION_REBOUND for other bytes under a published version;
 * METADATA_MISMATCH for a manifest of another model or version; TARGET_NOT_FOUND for a manifest or blob that was not uploaded;
 * and what acceptRole and changeServing throw
 */
export async function receiveRole(upload: RoleUpload, ports: ReceivePorts, options: WithSignal = {}): Promise<ReceivedRole> {
  const { role, bytes } = upload;
  const model = modelOf(role);
  const metadata = parseMetadata("targets", bytes, `The metadata of "${role}"`);
  const state = await ports.signer.read(options);
  // What is not newer is known, or refused by its version alone.
  if (metadata.signed.version > (state.roles.get(role)?.version ?? 0)) {
    for (const [path, target] of targetsOf(metadata.signed)) {
      if (!isBound(path, target, state)) await assertWhole(path, target, model, ports, options);
    }
  }
  const accepted = await ports.accept(upload, options);
  if (accepted.changed) ports.onSigned();
  const { changed, record } = await changeServing(
    ports,
    model,
    (view) => {
      const targets = view.state.roles.get(role)?.targets ?? new Map<string, SignedTarget>();
      const next = [...targets].reduce((so, [path, target]) => offering(so, versionIn(path, model), target), servingConfigFor(model, view.record));
      return view.record === undefined && next.config.versions.length === 0 ? undefined : { record: next };
    },
    options,
  );
  if (changed) ports.onSigned();
  return { ...accepted, model, offered: record?.config.versions.map(({ version }) => version) ?? [] };
}

function offering(record: ServingRecord, version: Version | undefined, { sha256, length }: SignedTarget): ServingRecord {
  const known = version === undefined || record.config.versions.some((entry) => entry.version === version);
  return known ? record : addVersion(record, version, { sha256, length }, { fromRepository: false });
}

/** Whether a path was signed with these bytes before. @throws VERSION_REBOUND where it was with others, by whomever */
function isBound(path: string, { sha256 }: SignedTarget, state: SignedState): boolean {
  const bound = [...state.roles].flatMap(([role, { targets }]) => {
    const target = targets.get(path);
    return target === undefined ? [] : [{ role, sha256: target.sha256 }];
  });
  const other = bound.find((target) => target.sha256 !== sha256);
  if (other === undefined) return bound.length > 0;
  throw new AshoreError("VERSION_REBOUND", `${path} was published before, signed by "${other.role}", with the digest sha256:${other.sha256}, and a version's files never change: devices that hold it would not take these. Publish them under a new, higher number.`);
}

/** That everything of a version was uploaded before it is named, and is kept from a garbage collection. */
async function assertWhole(path: string, { sha256, length }: SignedTarget, model: ModelName, { storage, clock }: ReceivePorts, options: WithSignal): Promise<void> {
  const keep = { ...options, now: clock.now() };
  const file = targetPath(path, sha256);
  await keepFresh(storage, file, keep);
  const bytes = await storage.read(file, options);
  if (bytes === undefined) throw new AshoreError("TARGET_NOT_FOUND", `${file} is named and was not uploaded.`);
  await verifyDigest(bytes, { digest: digestOfHex(sha256), size: length }, file);
  const manifest = parseManifest(bytes, path);
  if (manifest.model !== model || path !== manifestPath(model, manifest.version)) throw new AshoreError("METADATA_MISMATCH", `${path} is the manifest of ${manifest.model} ${manifest.version}.`);
  for (const { digest, size } of encodingsOf(manifest)) {
    const there = await keepFresh(storage, blobPath(digest), keep);
    if (there?.size !== size) throw new AshoreError("TARGET_NOT_FOUND", `${path} needs the blob ${digest} of ${size} bytes, which ${there === undefined ? "was not uploaded" : `has ${there.size}`}. Publish again: what is here is not sent twice.`);
  }
}

/** The model of a publisher's own role. @throws NOT_FOUND */
function modelOf(role: string): ModelName {
  const model = role.startsWith(PUBLISHER_PREFIX) ? role.slice(PUBLISHER_PREFIX.length) : undefined;
  if (isModelName(model)) return model;
  throw new AshoreError("NOT_FOUND", `"${role.slice(0, 160)}" is no publisher's role: those are called ${PUBLISHER_PREFIX}<model>.`);
}

function versionIn(path: string, model: ModelName): Version | undefined {
  const version = versionOfFolder(path.split("/")[2] ?? "");
  return version !== undefined && path === manifestPath(model, version) ? version : undefined;
}

import * as v from "valibot";
import { digestOf, digestOfHex, hexOf, verifyDigest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { isModelName, isVersion, type ModelName, type Version } from "../../protocol/names.ts";
import { parseServingConfig, printServingConfig, servingConfigPath } from "../../protocol/serving-config.ts";
import type { Clock, WithSignal } from "../ports.ts";
import type { Draft, SignedState, SignedTarget, Signer } from "../sign/index.ts";
import { targetPath, writeOnce, type FileStorage } from "../storage/index.ts";
import type { ServingRecord } from "./policy.ts";

export interface ServingPorts {
  readonly storage: FileStorage;
  readonly signer: Signer;
  readonly clock: Pick<Clock, "now">;
}

/** What is signed of a model now. */
export interface ServingView {
  /** Undefined where the model has no serving config yet. */
  readonly record: ServingRecord | undefined;
  readonly state: SignedState;
}

export interface ServingChange {
  readonly record: ServingRecord;
  /** Other targets to sign in the same step. It may run more than once. */
  readonly edit?: ((draft: Draft) => void) | undefined;
}

const SERVING_ROLE = "serving";

const versionsSchema = v.optional(v.array(v.custom<Version>(isVersion)), () => []);
const customSchema = v.object({ reverted: versionsSchema, repository: versionsSchema });

/** A model's serving config and memory as they are signed now. @throws STORE_CORRUPT, DIGEST_MISMATCH, SIZE_MISMATCH, SCHEMA_INVALID */
export async function readServing({ storage, signer }: Pick<ServingPorts, "storage" | "signer">, model: ModelName, options: WithSignal = {}): Promise<ServingView> {
  const state = await signer.read(options);
  const target = state.roles.get(SERVING_ROLE)?.targets.get(servingConfigPath(model));
  return { state, record: target === undefined ? undefined : await readRecord(storage, model, target, options) };
}

/** The models that have a serving config. @throws what the signer throws */
export async function servedModels({ signer }: Pick<ServingPorts, "signer">, options: WithSignal = {}): Promise<readonly ModelName[]> {
  const paths = (await signer.read(options)).roles.get(SERVING_ROLE)?.targets.keys() ?? [];
  return [...paths].map((path) => path.slice("serving/".length, -".json".length)).filter(isModelName);
}

/**
 * Signs a change of what devices should serve of a model. The new config is written before metadata names it; where another
 * process signed meanwhile, `change` is asked again with what it signed. A change that changes nothing signs nothing.
 * @param change may return undefined to leave all as it is; it must be pure, and may throw
 * @throws what `change`, the storage and the signer throw; ABORTED where others sign without end
 */
export async function changeServing(
  ports: ServingPorts,
  model: ModelName,
  change: (view: ServingView) => ServingChange | undefined,
  options: WithSignal = {},
): Promise<{ readonly changed: boolean; readonly record: ServingRecord | undefined }> {
  const path = servingConfigPath(model);
  for (let attempt = 0; attempt < LIMITS.signAttempts; attempt++) {
    const view = await readServing(ports, model, options);
    const based = view.state.roles.get(SERVING_ROLE)?.targets.get(path);
    const wanted = change(view);
    if (wanted === undefined) return { changed: false, record: view.record };
    const target = await writeRecord(ports, model, wanted.record, options);
    if (wanted.edit === undefined && based !== undefined && sameTarget(based, target)) return { changed: false, record: view.record };
    let stale = false;
    const { changed } = await ports.signer.update((draft) => {
      const configs = draft.targets(SERVING_ROLE);
      stale = configs.get(path)?.sha256 !== based?.sha256;
      if (stale) return;
      wanted.edit?.(draft);
      if (based === undefined || !sameTarget(based, target)) configs.set(path, target);
    }, options);
    if (!stale) return { changed, record: wanted.record };
  }
  throw new AshoreError("ABORTED", `The serving config of ${model} was changed by others ${LIMITS.signAttempts} times while this change was being signed; try again.`);
}

async function readRecord(storage: FileStorage, model: ModelName, target: SignedTarget, options: WithSignal): Promise<ServingRecord> {
  const path = servingConfigPath(model);
  const bytes = await storage.read(targetPath(path, target.sha256), options);
  if (bytes === undefined) {
    throw new AshoreError("STORE_CORRUPT", `${targetPath(path, target.sha256)} is missing although it is signed; restore it from a backup or a replica of this folder.`);
  }
  await verifyDigest(bytes, { digest: digestOfHex(target.sha256), size: target.length }, path);
  const custom = v.parse(customSchema, target.custom ?? {});
  return { config: parseServingConfig(bytes, path), reverted: custom.reverted, fromRepository: custom.repository };
}

async function writeRecord({ storage, clock }: ServingPorts, model: ModelName, { config, reverted, fromRepository }: ServingRecord, options: WithSignal): Promise<SignedTarget> {
  const path = servingConfigPath(model);
  const bytes = printServingConfig(config);
  if (bytes.byteLength > LIMITS.servingConfigBytes) {
    throw new AshoreError("LIMIT_EXCEEDED", `The serving config of ${model} would have ${bytes.byteLength} bytes, and devices take at most ${LIMITS.servingConfigBytes}: too many versions are served (${config.versions.length}). Remove the folders of old ones.`);
  }
  parseServingConfig(bytes, `the new serving config of ${model}`);
  const sha256 = hexOf(await digestOf(bytes));
  await writeOnce(storage, targetPath(path, sha256), bytes, { ...options, now: clock.now() });
  const custom = {
    ...(reverted.length === 0 ? {} : { reverted: [...reverted] }),
    ...(fromRepository.length === 0 ? {} : { repository: [...fromRepository] }),
  };
  return { sha256, length: bytes.byteLength, ...(Object.keys(custom).length === 0 ? {} : { custom }) };
}

function sameTarget(a: SignedTarget, b: SignedTarget): boolean {
  const memory = ({ custom }: SignedTarget): string => JSON.stringify(v.parse(customSchema, custom ?? {}));
  return a.sha256 === b.sha256 && a.length === b.length && memory(a) === memory(b);
}

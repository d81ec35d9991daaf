import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { isVersion, type ModelName, type Version } from "../../protocol/names.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { SignedTarget } from "../sign/index.ts";

const customSchema = v.object({ sourceDigest: v.optional(v.string()), minVersion: v.optional(v.custom<Version>(isVersion)) });

/** What is being published, as its signed target will bind it. */
export interface Binding {
  readonly model: ModelName;
  readonly version: Version;
  readonly sourceDigest: string;
}

/** @throws VERSION_INVALID for a minimum that no device could run with this version */
export function assertMinVersion(model: ModelName, version: Version, minVersion: Version | undefined): void {
  if (minVersion === undefined || minVersion <= version) return;
  throw new AshoreError("VERSION_INVALID", `The minimum version ${minVersion} of ${model} is above the version ${version} that is being published: no device could run it.`);
}

/**
 * The signed target of a version, where it was published from the same source before.
 * @throws VERSION_REBOUND where the source is another
 */
export function boundTarget(target: SignedTarget | undefined, { model, version, sourceDigest }: Binding): SignedTarget | undefined {
  if (target === undefined || v.parse(customSchema, target.custom ?? {}).sourceDigest === sourceDigest) return target;
  throw new AshoreError("VERSION_REBOUND", `Version ${version} of ${model} was published with other files before, and a version's files never change: devices that hold it would not take these. Publish them under a new, higher number.`);
}

export interface NextTarget {
  readonly target: SignedTarget;
  /** Whether it says anything that `bound` did not. */
  readonly changed: boolean;
}

/** The target to sign: what is bound already stays, and a minimum version is only ever raised. */
export function nextTarget(bound: SignedTarget | undefined, built: TargetInfo, sourceDigest: string, minVersion: Version | undefined): NextTarget {
  const { sha256, length } = bound ?? built;
  const before = (bound && v.parse(customSchema, bound.custom ?? {}).minVersion) ?? 0;
  const floor = Math.max(minVersion ?? 0, before);
  return { target: { sha256, length, custom: { sourceDigest, ...(floor > 0 ? { minVersion: floor } : {}) } }, changed: bound === undefined || floor !== before };
}

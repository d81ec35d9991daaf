import type { Version } from "../../protocol/names.ts";

/**
 * What a policy sees of one version. `new` waits to be loaded; `ready` answers; `busy` is loading or unloading; `ended` is
 * over (unloaded or failed) and asks for nothing.
 */
export interface Snapshot {
  readonly version: Version;
  readonly phase: "new" | "busy" | "ready" | "ended";
  /** In the set that the device should hold now. */
  readonly aspired: boolean;
  /** Never to run again: unloaded at once, whatever is left to answer. */
  readonly blocked: boolean;
  /** A label still answers from it, because the version that the label moves to is not available yet. */
  readonly pinned: boolean;
}

export interface Action {
  readonly kind: "load" | "unload";
  readonly version: Version;
}

/** Snapshots of one model's versions in, at most one next action out; stateless, and safe to repeat. */
export type TransitionPolicy = (snapshots: readonly Snapshot[]) => Action | undefined;

/**
 * The last good version answers until its successor does, for ever if the successor fails; needs room for two
 * (TensorFlow Serving `core/availability_preserving_policy.h`). One load at a time per model: the next is asked for when the
 * one under way is over.
 */
export const availabilityPreserving: TransitionPolicy = (snapshots) => {
  const block = unloadBlocked(snapshots);
  if (block !== undefined) return block;
  const idle = snapshots.filter(unloadable);
  const aspired = snapshots.filter((s) => s.aspired);
  if (idle.length > 0 && (aspired.length === 0 || aspired.some((s) => s.phase === "ready") || idle.length > 1)) {
    return { kind: "unload", version: lowest(idle) };
  }
  return loadHighest(snapshots);
};

/**
 * Frees first, loads after: for models that fit only once. Leaves a gap in which nothing answers
 * (TensorFlow Serving `core/resource_preserving_policy.h`).
 */
export const resourcePreserving: TransitionPolicy = (snapshots) => {
  const block = unloadBlocked(snapshots);
  if (block !== undefined) return block;
  const idle = snapshots.filter((s) => !s.aspired && s.phase === "ready");
  if (idle.length > 0) return { kind: "unload", version: lowest(idle) };
  if (snapshots.some((s) => !s.aspired && s.phase === "busy")) return undefined;
  return loadHighest(snapshots);
};

function unloadable(snapshot: Snapshot): boolean {
  return !snapshot.aspired && !snapshot.pinned && snapshot.phase === "ready";
}

function unloadBlocked(snapshots: readonly Snapshot[]): Action | undefined {
  const blocked = snapshots.filter((s) => s.blocked && s.phase === "ready");
  return blocked.length > 0 ? { kind: "unload", version: lowest(blocked) } : undefined;
}

function loadHighest(snapshots: readonly Snapshot[]): Action | undefined {
  if (snapshots.some((s) => s.aspired && s.phase === "busy")) return undefined;
  let next: Version | undefined;
  for (const { version, phase, aspired, blocked } of snapshots) {
    if (aspired && !blocked && phase === "new" && (next === undefined || version > next)) next = version;
  }
  return next === undefined ? undefined : { kind: "load", version: next };
}

function lowest(snapshots: readonly Snapshot[]): Version {
  return snapshots.reduce((low, s) => (s.version < low.version ? s : low)).version;
}

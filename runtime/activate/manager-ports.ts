import type { Digest } from "../../protocol/digest.ts";
import type { AshoreError } from "../../protocol/errors.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { Clock, ReportPort } from "../ports.ts";
import type { TransitionPolicy } from "./policy.ts";
import type { Load, Wanted } from "./servable.ts";

/** Everything that a model should be on this device now; the manager finds the steps. */
export interface Desired {
  /** The whole set of versions to hold; what is missing from it is unloaded. */
  readonly aspired: readonly Wanted[];
  /** Digests that must not run: unloaded at once. */
  readonly blocked: ReadonlySet<Digest>;
  readonly labels: Readonly<Record<string, Version>>;
  /** A request without a version never gets one below this: the device answered with it before, and no newer word lowered it. */
  readonly latestFloor: number;
  /** The publisher says in so many words that nothing is to be served. Default false. */
  readonly nothing?: boolean | undefined;
}

export interface ManagerPorts {
  readonly load: Load;
  readonly clock: Clock;
  readonly report: ReportPort;
  readonly policy?: TransitionPolicy | undefined;
  /** Awaited before a version becomes what requests without a version get: what must be durable by then. */
  readonly beforeLatest: (model: ModelName, version: Version) => Promise<void>;
  /** A version ended badly. Told after its END. */
  readonly onFailed: (model: ModelName, wanted: Wanted, error: AshoreError) => void;
}

import { inferOnce } from "../../edge/infer-once.ts";
import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Backend, SignatureDef, WarmUpRecord } from "../../protocol/manifest.ts";
import { warmUpInputs } from "../../protocol/warmup.ts";
import type { Clock, EngineHost, HostedModel, ModelBytes, WithSignal } from "../ports.ts";
import { possibleBackends, withModel } from "./self-test.ts";

export interface TryWarmUpPorts {
  readonly engine: EngineHost;
  readonly clock: Clock;
}

export interface TryWarmUpOptions extends WithSignal {
  /** The backends that the model can run on at all. Default: every one. */
  readonly backends?: readonly Backend[] | undefined;
}

/**
 * Replays warm-up records here, once each, since one that cannot be computed would end the version on every device. The first backend
 * that computes all of them says that they are good. What takes longer than LIMITS.firstInferenceMs is left to the devices.
 * @returns what the publisher should know, one sentence each
 * @throws SELF_TEST_FAILED, naming the record; CANCELLED
 */
export async function tryWarmUp(model: ModelBytes, records: readonly WarmUpRecord[], signatureDefs: Readonly<Record<string, SignatureDef>>, { engine, clock }: TryWarmUpPorts, { signal, backends }: TryWarmUpOptions): Promise<readonly string[]> {
  if (records.length === 0) return [];
  let fault: AshoreError | undefined;
  for (const backend of possibleBackends(engine, backends)) {
    try {
      const tried = await withModel(model, backend, engine, signal, (hosted) => replay(hosted, records, signatureDefs, clock, signal));
      return tried === records.length ? [] : [`${tried} of ${records.length} warm-up records were tried here in ${LIMITS.firstInferenceMs / 1000} s; devices replay all of them before they answer.`];
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (error.code === "CANCELLED") throw error;
      fault ??= error;
    }
  }
  if (fault !== undefined) throw fault;
  return [];
}

/** How many records were computed in the time there is. */
async function replay(hosted: HostedModel, records: readonly WarmUpRecord[], signatureDefs: Readonly<Record<string, SignatureDef>>, clock: Clock, signal: AbortSignal | undefined): Promise<number> {
  const end = clock.now() + LIMITS.firstInferenceMs;
  for (const [at, record] of records.entries()) {
    const def = signatureDefs[record.signatureDef];
    if (clock.now() > end) return at;
    if (def === undefined) continue;
    try {
      await inferOnce(hosted, signatureDefs, record.signatureDef, warmUpInputs(record, def), { signal });
    } catch (thrown) {
      const { code, message } = asAshoreError(thrown);
      if (code === "CANCELLED") throw thrown;
      throw new AshoreError("SELF_TEST_FAILED", `Warm-up record ${at + 1}, for the signature def ${record.signatureDef}, cannot be computed on ${hosted.backend}: ${message}`, { cause: thrown });
    }
  }
  return records.length;
}

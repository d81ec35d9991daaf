import { asAshoreError, AshoreError, canonicalCode, type CanonicalCode } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { EncodedBlob, Manifest, WarmUpRecord } from "../../protocol/manifest.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import { parseWarmUp, warmUpInputs } from "../../protocol/warmup.ts";
import type { Clock, RunOptions, WithSignal } from "../ports.ts";
import type { Servable } from "./servable.ts";

/** What replaying came to (TensorFlow Serving, `model_warmup_latency` and `model_warmup_records_read`). */
export interface WarmUpReport {
  readonly model: ModelName;
  readonly version: Version;
  readonly status: "OK" | CanonicalCode;
  /** Records replayed, one that failed among them. */
  readonly records: number;
  readonly milliseconds: number;
}

/** An asset's verified bytes. @throws DIGEST_MISMATCH where they are gone or damaged */
export type ReadAsset = (blob: EncodedBlob, options: WithSignal) => Promise<Uint8Array>;

export interface WarmUpPorts {
  /** One inference, as a request makes it. */
  readonly infer: (servable: Servable, signatureDef: string, inputs: NamedTensors, options: RunOptions) => Promise<unknown>;
  /** How often each record is replayed, one time after the other (TensorFlow Serving, `--num_request_iterations_for_warmup`). */
  readonly iterations: number;
  readonly onWarmedUp?: ((report: WarmUpReport) => void) | undefined;
}

interface Ports {
  readonly clock: Clock;
  readonly readAsset: ReadAsset;
  readonly replay: WarmUpPorts;
}

/**
 * Replays a version's warm-up records, one after the other.
 * @throws what an inference throws, with the record's number before its words, by the first that fails
 */
export async function warmUp(servable: Servable, { clock, readAsset, replay: ports }: Ports, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  const { model, version, manifest } = servable;
  const began = clock.now();
  let records = 0;
  let status: WarmUpReport["status"] = "OK";
  try {
    for (const record of await recordsOf(manifest, readAsset, { signal })) {
      records += 1;
      for (let iteration = 0; iteration < ports.iterations; iteration++) await replay(servable, record, ports, { signal });
    }
  } catch (thrown) {
    const { code, message } = asAshoreError(thrown);
    status = canonicalCode(code);
    signal.throwIfAborted();
    throw new AshoreError(code, `Warm-up of ${model} version ${version} failed on ${servable.backend} at record ${records}: ${message}`, { cause: thrown });
  } finally {
    ports.onWarmedUp?.({ model, version, status, records, milliseconds: clock.now() - began });
  }
}

async function recordsOf({ warmup, assets }: Manifest, readAsset: ReadAsset, options: WithSignal): Promise<readonly WarmUpRecord[]> {
  const lists = await Promise.all(
    warmup.map(async (entry) => {
      if (!("asset" in entry)) return [entry];
      const asset = assets.find(({ path }) => path === entry.asset);
      if (asset === undefined) throw new AshoreError("SCHEMA_INVALID", `The manifest has no asset ${entry.asset}, which it names for them.`);
      if (asset.blob.size > LIMITS.warmUpBytes) throw new AshoreError("SCHEMA_INVALID", `The asset ${entry.asset} has ${asset.blob.size} bytes; at most ${LIMITS.warmUpBytes} are read.`);
      return parseWarmUp(await readAsset(asset.blob, options));
    }),
  );
  return lists.flat();
}

async function replay(servable: Servable, record: WarmUpRecord, { infer }: WarmUpPorts, options: RunOptions): Promise<void> {
  const { signatureDefs } = servable.manifest;
  const def = Object.hasOwn(signatureDefs, record.signatureDef) ? signatureDefs[record.signatureDef] : undefined;
  if (def === undefined) throw new AshoreError("SCHEMA_INVALID", `The model has no signature def ${record.signatureDef}.`);
  await infer(servable, record.signatureDef, warmUpInputs(record, def), options);
}

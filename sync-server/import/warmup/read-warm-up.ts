import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { asAshoreError, AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { WarmUpRecord } from "../../../protocol/manifest.ts";
import type { ImportedModel } from "../imported-model.ts";
import type { SourceFolder } from "../source-folder.ts";
import { checkWarmUpRequest } from "./check-request.ts";
import { readPredictionLog } from "./prediction-log.ts";
import { tfRecords } from "./tf-records.ts";
import { readWarmUpBody, warmUpBodies } from "./warm-up-json.ts";
import type { WarmUpRequest } from "./warm-up-request.ts";

/** Where TensorFlow Serving looks for warm-up requests in a version's folder, and where their JSON form lies beside it. */
const FOLDER = "assets.extra";
const TF_RECORDS = "tf_serving_warmup_requests";
const JSON_FILE = "warmup.json";

export interface ReadWarmUp {
  readonly warmup: readonly WarmUpRecord[];
  /** What the publisher should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * The requests to replay before a version answers: those of `assets.extra/tf_serving_warmup_requests` (a TFRecord of
 * PredictionLogs), then those of `assets.extra/warmup.json` (`{"warmup": [body, …]}`, bodies as the REST API takes them). Both
 * may be missing, and count into the source digest where they are there. A request of a signature def that is not served is passed
 * over.
 * @throws MODEL_MALFORMED, UNIMPLEMENTED for one that cannot be replayed or does not fit the model's signature defs, naming it;
 * LIMIT_EXCEEDED for more than LIMITS.warmUpRecords, or LIMITS.warmUpBytes
 */
export async function readWarmUp(source: SourceFolder, { signatureDefs, unserved = {} }: Pick<ImportedModel, "signatureDefs" | "unserved">): Promise<ReadWarmUp> {
  const files = await namesIn(join(source.path, FOLDER));
  const records: WarmUpRecord[] = [];
  const passedOver = new Map<string, number>();
  let entries = 0;
  let size = 0;
  const take = (file: string, number: number, read: (what: string) => readonly WarmUpRequest[]): void => {
    const what = `Warm-up record ${number} of ${FOLDER}/${file} in ${source.path}`;
    entries += 1;
    if (entries > LIMITS.warmUpRecords) throw new AshoreError("LIMIT_EXCEEDED", `Number of warmup records exceeds the maximum (${LIMITS.warmUpRecords}) at ${FOLDER}/${file} in ${source.path}.`);
    const checked = naming(what, () => read(what).flatMap((request) => {
      const { signatureName } = request;
      if (!Object.hasOwn(unserved, signatureName)) return [checkWarmUpRequest(request, signatureDefs)];
      passedOver.set(signatureName, (passedOver.get(signatureName) ?? 0) + 1);
      return [];
    }));
    for (const record of checked) size += JSON.stringify(record).length;
    if (size > LIMITS.warmUpBytes) throw new AshoreError("LIMIT_EXCEEDED", `${what} makes the records more than the ${LIMITS.warmUpBytes} bytes that devices are sent for them; keep fewer, or smaller ones.`);
    records.push(...checked);
  };
  if (files.includes(TF_RECORDS)) {
    let number = 0;
    const bytes = await source.read(`${FOLDER}/${TF_RECORDS}`, LIMITS.warmUpBytes);
    for (const log of tfRecords(bytes, `${FOLDER}/${TF_RECORDS} in ${source.path}`)) take(TF_RECORDS, ++number, (what) => readPredictionLog(log, what));
  }
  if (files.includes(JSON_FILE)) {
    const bytes = await source.read(`${FOLDER}/${JSON_FILE}`, LIMITS.warmUpBytes);
    warmUpBodies(bytes, `${FOLDER}/${JSON_FILE} in ${source.path}`).forEach((body, at) => take(JSON_FILE, at + 1, () => [readWarmUpBody(body, signatureDefs)]));
  }
  const notes = Array.from(passedOver, ([name, count]) => `Warm-up records of the signature def ${name}, which is not served, are passed over: ${count}.`);
  return { warmup: records, notes };
}

/** A fault of one record is one of the model's files, however the record is read. */
function naming<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const { code, message } = asAshoreError(thrown);
    const kept = code === "UNIMPLEMENTED" || code === "LIMIT_EXCEEDED" ? code : "MODEL_MALFORMED";
    throw new AshoreError(kept, message.startsWith(what) ? message : `${what} cannot be replayed. ${message}`, { cause: thrown });
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && (thrown.code === "ENOENT" || thrown.code === "ENOTDIR")) return [];
    throw thrown;
  }
}

import * as v from "valibot";
import { AshoreError } from "./errors.ts";
import { schemaError, warmUpRecordSchema, type SignatureDef, type WarmUpRecord } from "./manifest.ts";
import { tensorOfJson } from "./small-tensor.ts";
import type { NamedTensors } from "./tensor.ts";

/** The records that an asset holds: JSON, a list. @throws SCHEMA_INVALID */
export function parseWarmUp(bytes: Uint8Array): readonly WarmUpRecord[] {
  const result = v.safeParse(v.array(warmUpRecordSchema), jsonOf(bytes));
  if (!result.success) throw schemaError(WHAT, result.issues);
  return result.output;
}

const WHAT = "the list of warm-up records";

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new AshoreError("SCHEMA_INVALID", `${WHAT} is not JSON.`, { cause });
  }
}

/** A record's tensors, in the signature def's dtypes. @throws SCHEMA_INVALID */
export function warmUpInputs({ inputs }: WarmUpRecord, def: SignatureDef): NamedTensors {
  const tensors = Object.entries(inputs).map(([key, value]) => {
    const info = Object.hasOwn(def.inputs, key) ? def.inputs[key] : undefined;
    if (info === undefined) throw new AshoreError("SCHEMA_INVALID", `It names the input ${key}, which the signature def does not have.`);
    return [key, tensorOfJson(value, info.dtype, `Its input ${key}`)] as const;
  });
  return Object.fromEntries(tensors);
}

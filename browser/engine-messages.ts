import * as v from "valibot";
import type { EngineTensors } from "../engine/feeds.ts";
import { isDType } from "../protocol/dtype.ts";
import { AshoreError, isErrorCode, type WireError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/**
 * What a runtime and a worker that computes one servable for it say to each other over a MessagePort. Each end reads what it
 * gets by the schemas here.
 *
 * The worker begins: `here`, with the Web Lock that it holds while it lives, and what it has loaded for a runtime that is dead, if
 * that is so. Otherwise it gets one `load` and answers `loaded`; then any number of `run`, each answered by `answer` or `error`, in
 * order. `failed` may come at any time, and after it the worker is of no use. `close` ends the worker.
 */

const id = v.pipe(v.number(), v.safeInteger());
const backend = v.picklist(["webgpu", "wasm", "cpu"]);
const bytes = v.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array, "must be bytes");
const tensors = v.custom<EngineTensors>((value) => isRecord(value) && Object.values(value).every(isTensor), "must be tensors {dtype, shape, data} by name");
const error = v.object({ code: v.custom<WireError["code"]>(isErrorCode, "must be a code"), message: v.string(), causes: v.pipe(v.array(v.string()), v.readonly()) });

/** `threads`: how many compute; 1 where the backend has no say in it. */
const loaded = { backend, threads: v.pipe(v.number(), v.minValue(1)) };

const toEngineSchema = v.variant("type", [
  /** `engine`: the name (`engine-name.ts`) of what this is, where it is to be kept when the runtime dies. */
  v.object({ type: v.literal("load"), backend, graph: bytes, index: bytes, shards: v.array(bytes), engine: v.optional(v.string()) }),
  v.object({ type: v.literal("run"), id, feeds: tensors, fetches: v.array(v.string()) }),
  /** Drops a run that waits; one that is computed is not interrupted. It is answered all the same. */
  v.object({ type: v.literal("cancel"), id }),
  v.object({ type: v.literal("close") }),
]);
export type ToEngine = v.InferOutput<typeof toEngineSchema>;

const fromEngineSchema = v.variant("type", [
  v.object({ type: v.literal("here"), life: v.string(), holds: v.optional(v.object({ engine: v.string(), ...loaded })) }),
  v.object({ type: v.literal("loaded"), ...loaded }),
  v.object({ type: v.literal("answer"), id, answers: tensors }),
  v.object({ type: v.literal("error"), id, error }),
  v.object({ type: v.literal("failed"), error }),
]);
export type FromEngine = v.InferOutput<typeof fromEngineSchema>;

/** @throws INTERNAL */
export function readToEngine(data: unknown): ToEngine {
  return read(toEngineSchema, data);
}

/** @throws INTERNAL */
export function readFromEngine(data: unknown): FromEngine {
  return read(fromEngineSchema, data);
}

function read<S extends typeof toEngineSchema | typeof fromEngineSchema>(schema: S, data: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, data);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new AshoreError("INTERNAL", `A message between a runtime and its engine is none that is known: ${v.getDotPath(issue) ?? "it"} ${issue.message}.`);
}

/** How many elements there must be, and in what, the engine checks. */
function isTensor(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { dtype, shape, data } = value;
  return (
    isDType(dtype) &&
    Array.isArray(shape) &&
    shape.length <= LIMITS.tensorRank &&
    shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0) &&
    (dtype === "string" ? Array.isArray(data) && data.every((element) => element instanceof Uint8Array) : ArrayBuffer.isView(data) && !(data instanceof DataView))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import * as v from "valibot";
import { isDType } from "../protocol/dtype.ts";
import { AshoreError, isErrorCode, type WireError } from "../protocol/errors.ts";
import { isPixels } from "../protocol/image/pixels.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MESSAGE_PROTOCOL, type Cancel, type HostRequest } from "../protocol/messages.ts";
import { isModelName, type ModelName } from "../protocol/names.ts";
import { hostOptionsEntries } from "./host-options.ts";

const name = v.pipe(v.string(), v.maxLength(256));

const inputs = v.custom<Extract<HostRequest, { type: "predict" }>["inputs"]>(
  (value) => isRecord(value) && Object.values(value).every((input) => (isRecord(input) ? isTensorLike(input) || isPixels(input) : isNestedLike(input))),
  "must be an object of tensors {dtype, shape, data}, of images or of nested arrays, by the signature def's input keys",
);

const requestSchema = v.variant("type", [
  v.object({ type: v.literal("hello"), ...hostOptionsEntries }),
  v.object({
    type: v.literal("predict"),
    model: name,
    version: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    label: v.optional(name),
    signatureDef: v.optional(name),
    topK: v.optional(v.number()),
    inputs,
  }),
  v.object({ type: v.literal("models") }),
  v.object({ type: v.literal("sync"), join: v.exactOptional(v.boolean()), due: v.exactOptional(v.boolean()) }),
  v.object({ type: v.literal("settle") }),
  v.object({ type: v.literal("improve") }),
  v.object({ type: v.literal("stored") }),
  v.object({ type: v.literal("remove"), model: v.custom<ModelName>(isModelName, "must be a model name") }),
  v.object({ type: v.literal("keep-site"), urls: v.pipe(v.array(v.pipe(v.string(), v.maxLength(8_192))), v.maxLength(LIMITS.siteEntries)) }),
  v.object({ type: v.literal("skip-waiting") }),
]);

const TYPES: ReadonlySet<unknown> = new Set(requestSchema.options.map(({ entries }) => entries.type.literal));

const cancelSchema = v.object({
  type: v.literal("cancel"),
  error: v.object({ code: v.custom<WireError["code"]>(isErrorCode), message: v.string(), causes: v.array(v.string()) }),
});

/** Whether a message is one of ours at all; a service worker may get others' (Workbox's `{type: "SKIP_WAITING"}`). */
export function isEnvelope(data: unknown): data is { readonly ashore: unknown; readonly request?: unknown } {
  return isRecord(data) && Object.hasOwn(data, "ashore");
}

/**
 * The request in a page's message.
 * @throws PROTOCOL_MISMATCH, saying which side is older and what to do; INVALID_ARGUMENT for what has another shape than its type
 */
export function readRequest({ ashore, request }: { readonly ashore: unknown; readonly request?: unknown }): HostRequest {
  if (ashore !== MESSAGE_PROTOCOL) throw otherProtocol(ashore);
  const type = isRecord(request) ? request["type"] : undefined;
  if (!TYPES.has(type)) {
    throw new AshoreError("PROTOCOL_MISMATCH", `This worker knows no request ${JSON.stringify(String(type).slice(0, 64))}, though it speaks protocol ${MESSAGE_PROTOCOL} as the page does: the page is of a newer release. Let the worker update (reload once all pages of this site are closed).`);
  }
  const read = v.safeParse(requestSchema, request);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new AshoreError("INVALID_ARGUMENT", `The request ${String(type)} is not what this worker takes: ${v.getDotPath(issue) ?? "it"} ${issue.message}.`);
}

/** A page's word over a request's port that it gives up; anything else is undefined. */
export function readCancel(data: unknown): Cancel | undefined {
  const read = v.safeParse(cancelSchema, data);
  return read.success ? read.output : undefined;
}

function otherProtocol(theirs: unknown): AshoreError {
  const shown = typeof theirs === "number" ? String(theirs) : "an unknown one";
  const remedy =
    typeof theirs === "number" && theirs < MESSAGE_PROTOCOL
      ? "The page is of an older release: reload it."
      : "This worker is of an older release: let it update, by closing all pages of this site and opening it again.";
  return new AshoreError("PROTOCOL_MISMATCH", `The page speaks protocol ${shown} of Ashore, its worker protocol ${MESSAGE_PROTOCOL}. ${remedy}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** How many elements there must be, and in what, `predict` of runtime/ checks by the signature def. */
function isTensorLike({ dtype, shape, data }: Readonly<Record<string, unknown>>): boolean {
  return (
    isDType(dtype) &&
    Array.isArray(shape) &&
    shape.length <= LIMITS.tensorRank &&
    shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0) &&
    (dtype === "string" ? Array.isArray(data) && data.every((element) => element instanceof Uint8Array) : ArrayBuffer.isView(data) && !(data instanceof DataView))
  );
}

function isNestedLike(value: unknown): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || ["number", "string", "boolean", "bigint"].includes(typeof value);
}

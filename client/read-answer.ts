import { AshoreError, fromWireError, type ErrorCode } from "../protocol/errors.ts";
import type { HostNews, HostRequest, HostValues } from "../protocol/messages.ts";
import { isModelName, isVersion } from "../protocol/names.ts";
import { SERVABLE_STATES } from "../protocol/states.ts";

/**
 * The page's check of what a worker says: by hand, because a schema library is larger than all of the client. Nothing is
 * believed here but shapes; what the bytes mean was proved in the worker.
 */

type RequestType = HostRequest["type"];
type Check = (value: unknown) => boolean;
interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly causes?: readonly string[];
}

export type ReadAnswer =
  | { readonly type: "taken"; readonly ashore: number; readonly life: string }
  | { readonly type: "done"; readonly value: unknown }
  | { readonly type: "failed"; readonly error: PlainError };

const isOf =
  (type: "string" | "boolean" | "number"): Check =>
  (value) =>
    typeof value === type;
const isText = isOf("string");
const isCount: Check = (value) => typeof value === "number" && value >= 0;
const isPositive: Check = (value) => isCount(value) && value !== 0;
const isNull: Check = (value) => value === null;
const isObject: Check = (value) => typeof value === "object" && value !== null;
const optional =
  (is: Check): Check =>
  (value) =>
    value === undefined || is(value);
const listOf =
  (is: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(is);
const recordOf =
  (is: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value as object).every(is);
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(checks).every(([key, is]) => is((value as Readonly<Record<string, unknown>>)[key]));
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

const isError = fields({ code: isText, message: isText, causes: optional(listOf(isText)) });
const isStatus = fields({ version: isVersion, state: oneOf(...SERVABLE_STATES), error: optional(isError) });
const isData: Check = (value) => ArrayBuffer.isView(value) || listOf(ArrayBuffer.isView)(value);
const isTensor = fields({ dtype: isText, shape: listOf(isCount), data: isData });
const hasMore = fields({ more: isOf("boolean") });

const VALUES: { readonly [T in RequestType]: Check } = {
  hello: fields({ build: isText, news: isText, host: isText, keepsSite: isOf("boolean"), pollSeconds: isPositive, persisted: isOf("boolean") }),
  predict: fields({ outputs: recordOf(isTensor), classes: optional(listOf(listOf(isObject))), version: isVersion, backend: optional(isText), servedBy: oneOf("device", "server") }),
  models: listOf(fields({ name: isModelName, versions: listOf(isStatus), latest: optional(isVersion), labels: optional(recordOf(isVersion)), expiredSince: optional(isCount) })),
  sync: fields({ more: isOf("boolean"), pollSeconds: isPositive }),
  settle: hasMore,
  improve: hasMore,
  stored: listOf(fields({ name: isModelName, versions: listOf(fields({ version: isVersion, bytes: isCount })), bytes: isCount })),
  remove: isNull,
  "keep-site": fields({ kept: isCount }),
  "skip-waiting": isNull,
};

/** By type; of `sync` a page makes nothing, since failures come as answers too. */
const NEWS: Readonly<Record<string, Check>> = {
  state: fields({ model: isModelName, status: isStatus, backend: optional(isText) }),
  progress: fields({ model: isModelName, version: isVersion, phase: isText, bytes: isCount, totalBytes: isCount }),
  problem: fields({ model: optional(isModelName), version: optional(isVersion), error: isError }),
  trust: isObject,
};

const ANSWERS: Readonly<Record<string, Check>> = {
  taken: fields({ ashore: isOf("number"), life: isText }),
  done: isObject,
  failed: fields({ error: isError }),
};

/** @throws PROTOCOL_MISMATCH for what is no answer */
export function readAnswer(data: unknown): ReadAnswer {
  if (isTyped(data, ANSWERS)) return data as ReadAnswer;
  throw notUnderstood("");
}

/** The value of a request's answer. @throws PROTOCOL_MISMATCH */
export function readValue<T extends RequestType>(type: T, value: unknown): HostValues[T] {
  if (VALUES[type](value)) return value as HostValues[T];
  throw notUnderstood(`"${type}" with `);
}

/** News of models, or undefined for anything else: other code may use a channel of that name. */
export function readNews(data: unknown): HostNews | undefined {
  return isTyped(data, NEWS) ? (data as HostNews) : undefined;
}

/** An error that came as data. A code that only a newer release knows is passed on as it is. */
export function errorOf({ code, message, causes = [] }: PlainError): AshoreError {
  return fromWireError({ code: code as ErrorCode, message, causes });
}

function isTyped(data: unknown, checks: Readonly<Record<string, Check>>): boolean {
  const { type } = Object(data) as { readonly type?: unknown };
  return typeof type === "string" && Object.hasOwn(checks, type) && checks[type]?.(data) === true;
}

function notUnderstood(what: string): AshoreError {
  return new AshoreError("PROTOCOL_MISMATCH", `The worker answers ${what}what this page does not understand: they are of different releases. Reload the page, and serve both from one.`);
}

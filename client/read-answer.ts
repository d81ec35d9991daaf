import { AshoreError, fromWireError, isErrorCode, type WireError } from "../protocol/errors.ts";
import type { HostNews, HostRequest, HostValues } from "../protocol/messages.ts";
import { isModelName, isVersion } from "../protocol/names.ts";
import { SERVABLE_STATES, type VersionStatus } from "../protocol/states.ts";

/**
 * The page's check of what a worker says: by hand, because a schema library is larger than all of the client. Nothing is
 * believed here but shapes; what the bytes mean was proved in the worker.
 */

type RequestType = HostRequest["type"];
type Fields = Readonly<Record<string, unknown>>;

export type ReadAnswer =
  | { readonly type: "taken"; readonly ashore: number; readonly life: string }
  | { readonly type: "done"; readonly value: unknown }
  | { readonly type: "failed"; readonly error: AshoreError };

/** @throws PROTOCOL_MISMATCH for what is no answer */
export function readAnswer(data: unknown): ReadAnswer {
  if (isFields(data)) {
    const { type, ashore, life, error } = data;
    if (type === "taken" && typeof ashore === "number" && typeof life === "string") return { type, ashore, life };
    if (type === "done") return { type, value: data["value"] };
    if (type === "failed" && isWireError(error)) return { type, error: errorOf(error) };
  }
  throw notUnderstood("an answer");
}

/** The value of a request's answer. @throws PROTOCOL_MISMATCH */
export function readValue<T extends RequestType>(type: T, value: unknown): HostValues[T] {
  const isValue: (value: unknown) => value is HostValues[T] = VALUES[type];
  if (isValue(value)) return value;
  throw notUnderstood(`the answer to "${type}"`);
}

/** News, or undefined for what is none: other code may use a channel of that name. */
export function readNews(data: unknown): HostNews | undefined {
  return isNews(data) ? data : undefined;
}

/** An error that came as data; a code that this page does not know yet is UNKNOWN. */
export function errorOf({ code, message, causes }: { readonly code: string; readonly message: string; readonly causes?: readonly string[] }): AshoreError {
  return fromWireError({ code: isErrorCode(code) ? code : "UNKNOWN", message, causes: causes ?? [] });
}

const isHasMore = (value: unknown): value is { readonly more: boolean } => isFields(value) && typeof value["more"] === "boolean";
const isNull = (value: unknown): value is null => value === null;

const VALUES: { readonly [T in RequestType]: (value: unknown) => value is HostValues[T] } = {
  hello: (value): value is HostValues["hello"] =>
    isFields(value) &&
    typeof value["build"] === "string" &&
    typeof value["news"] === "string" &&
    typeof value["host"] === "string" &&
    typeof value["keepsSite"] === "boolean" &&
    isPositive(value["pollSeconds"]) &&
    typeof value["persisted"] === "boolean",
  predict: (value): value is HostValues["predict"] =>
    isFields(value) &&
    isFields(value["outputs"]) &&
    Object.values(value["outputs"]).every(isTensor) &&
    isVersion(value["version"]) &&
    isOptional(value["backend"], isText) &&
    (value["servedBy"] === "device" || value["servedBy"] === "server"),
  models: (value): value is HostValues["models"] =>
    isListOf(value, (one) => isFields(one) && isModelName(one["name"]) && isListOf(one["versions"], isStatus) && isOptional(one["latest"], isVersion) && isOptional(one["labels"], isLabels)),
  sync: (value): value is HostValues["sync"] => isHasMore(value) && "pollSeconds" in value && isPositive(value.pollSeconds),
  settle: isHasMore,
  improve: isHasMore,
  stored: (value): value is HostValues["stored"] =>
    isListOf(value, (one) => isFields(one) && isModelName(one["name"]) && isCount(one["bytes"]) && isListOf(one["versions"], (held) => isFields(held) && isVersion(held["version"]) && isCount(held["bytes"]))),
  remove: isNull,
  "keep-site": (value): value is HostValues["keep-site"] => isFields(value) && isCount(value["kept"]),
  "skip-waiting": isNull,
};

const PHASES: readonly unknown[] = ["download", "load", "self-test", "warm-up"];
const STATES: readonly unknown[] = SERVABLE_STATES;

function isNews(data: unknown): data is HostNews {
  if (!isFields(data)) return false;
  const { type, model, version, error } = data;
  switch (type) {
    case "state":
      return isModelName(model) && isStatus(data["status"]) && isOptional(data["backend"], isText);
    case "progress":
      return isModelName(model) && isVersion(version) && PHASES.includes(data["phase"]) && isCount(data["bytes"]) && isCount(data["totalBytes"]);
    case "problem":
      return isOptional(model, isModelName) && isOptional(version, isVersion) && isWireError(error);
    case "sync":
      return data["ok"] === true || isWireError(error);
    default:
      return false;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isListOf(value: unknown, is: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(is);
}

function isOptional(value: unknown, is: (one: unknown) => boolean): boolean {
  return value === undefined || is(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

function isPositive(value: unknown): value is number {
  return isCount(value) && value > 0;
}

function isLabels(value: unknown): boolean {
  return isFields(value) && Object.values(value).every(isVersion);
}

function isTensor(value: unknown): boolean {
  return isFields(value) && isText(value["dtype"]) && isListOf(value["shape"], isCount) && (ArrayBuffer.isView(value["data"]) || isListOf(value["data"], ArrayBuffer.isView));
}

function isStatus(value: unknown): value is VersionStatus {
  return isFields(value) && isVersion(value["version"]) && STATES.includes(value["state"]) && isOptional(value["error"], (error) => isFields(error) && isText(error["code"]) && isText(error["message"]));
}

function isWireError(value: unknown): value is WireError {
  return isFields(value) && isText(value["code"]) && isText(value["message"]) && isListOf(value["causes"], isText);
}

function notUnderstood(what: string): AshoreError {
  return new AshoreError("PROTOCOL_MISMATCH", `The worker sent ${what} that this page does not understand. Page and worker are of different releases of Ashore: reload the page, and serve both from one release.`);
}

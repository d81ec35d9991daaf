import { rawText } from "./raw-text.ts";

/** Which version of a model: a number, a label, or (neither) the latest. Never both. */
export interface VersionSelector {
  /** A bigint beyond 2^53 - 1, where no servable has a version. */
  readonly version?: number | bigint;
  readonly label?: string;
}

export interface ModelSelector extends VersionSelector {
  /** The name, percent-decoded; any text, not only what may name a model. */
  readonly model: string;
}

/** What a request line asks for. */
export type RestRoute =
  | ({ readonly kind: "predict" | "classify" | "regress" | "metadata" } & ModelSelector)
  /** Of one version, or of all where it has none; a label in the path changes nothing. */
  | { readonly kind: "status"; readonly model: string; readonly version?: number | bigint }
  /** All models. Ours: TensorFlow Serving has no such request. */
  | { readonly kind: "list" }
  /** The answer hangs on the Origin header alone: see `preflightStatus`. */
  | { readonly kind: "preflight" }
  /** 400 with this message as the error body; where it is `unsaid`, TensorFlow Serving leaves the body empty. */
  | { readonly kind: "refused"; readonly message: string; readonly unsaid?: true }
  /** Not under `/v1/`: 404 with `NOT_FOUND_PAGE`, unless the host has another answer. */
  | { readonly kind: "elsewhere" };

// http_rest_api_util.cc, kPredictionApiGegex and kModelStatusApiRegex
const PREDICTION = /^\/v1\/models\/([^/:]+)(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?:(classify|regress|predict)$/i;
const MODEL = /^\/v1\/models(?:\/([^/:]+))?(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?(?:\/(metadata))?$/i;
const SERVED = /^\/v1\/.*$/i;
const INT64_MAX = 2n ** 63n - 1n;

/**
 * The route of a request line (`http_rest_api_handler.cc`). `target` is the path and its query, still percent-encoded: a
 * query is part of what must match.
 */
export function parseRestPath(method: string, target: string): RestRoute {
  if (!SERVED.test(target)) return { kind: "elsewhere" };
  if (method === "OPTIONS") return { kind: "preflight" };
  const malformed: RestRoute = { kind: "refused", message: `Malformed request: ${method} ${target}` };
  const tooLarge = (version: string | undefined): RestRoute => ({ kind: "refused", message: `Failed to convert version: ${version} to numeric.`, unsaid: true });
  if (method === "POST") {
    const match = PREDICTION.exec(target);
    if (match === null) return malformed;
    const [, model = "", version, label, verb] = match;
    const selector = select(version, label);
    if (selector === undefined) return tooLarge(version);
    // The pattern takes any case, the handler one.
    if (verb !== "predict" && verb !== "classify" && verb !== "regress") return malformed;
    return { kind: verb, model: percentDecode(model), ...selector };
  }
  if (method !== "GET") return malformed;
  const match = MODEL.exec(target);
  if (match === null) return malformed;
  const [, name, version, label, subresource] = match;
  const selector = select(version, label);
  if (selector === undefined) return tooLarge(version);
  if (name === undefined) {
    const isList = version === undefined && label === undefined && subresource === undefined;
    return isList ? { kind: "list" } : { kind: "refused", message: "Missing model name in request." };
  }
  const model = percentDecode(name);
  if (subresource === "metadata") return { kind: "metadata", model, ...selector };
  return selector.version === undefined ? { kind: "status", model } : { kind: "status", model, version: selector.version };
}

/** Undefined where the version is no int64. */
function select(version: string | undefined, label: string | undefined): VersionSelector | undefined {
  if (label !== undefined) return { label: percentDecode(label) };
  if (version === undefined) return {};
  const exact = BigInt(version);
  if (exact > INT64_MAX) return undefined;
  return { version: exact > Number.MAX_SAFE_INTEGER ? exact : Number(exact) };
}

/** Percent-decoding as curl does it: what is no `%` and two hexadecimal digits stays, `+` too. */
function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  const encoded = new TextEncoder().encode(text);
  for (let at = 0; at < encoded.length; at++) {
    const hex = encoded[at] === 0x25 ? String.fromCharCode(...encoded.subarray(at + 1, at + 3)) : "";
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else bytes.push(encoded[at] ?? 0);
  }
  return rawText(Uint8Array.from(bytes));
}

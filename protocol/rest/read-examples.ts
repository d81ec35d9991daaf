import { AshoreError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { base64Bytes, isBase64Object } from "./base64-object.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";
import { unfold } from "./parse-json.ts";
import { badDocument, ROOT, type RequestBody } from "./request-body.ts";

/** One feature of an example: a list of one kind, or (empty) of none. */
export type Feature =
  | { readonly kind: "bytes"; readonly values: Uint8Array[] }
  | { readonly kind: "float"; readonly values: number[] }
  | { readonly kind: "int64"; readonly values: bigint[] }
  | { readonly kind: "none" };

/** A `tf.Example`: features by name. */
export type Example = ReadonlyMap<string, Feature>;

export interface Examples {
  /** What every example shares. */
  readonly context: Example | undefined;
  readonly examples: readonly Example[];
}

const INT64_MAX = 2n ** 63n - 1n;

/**
 * The examples of a classify or regress request (`json_tensor.cc`, `FillClassifyRegressRequestFromJson`); no model is
 * looked at. Literals decide a feature's kind: integers and bools are int64, `1.0` is float, strings and base64 bytes.
 * @throws INVALID_ARGUMENT; LIMIT_EXCEEDED for more than LIMITS.examplesPerRequest
 */
export function readExamples({ document }: RequestBody): Examples {
  const shared = document.member(ROOT, "context");
  const context = shared === undefined ? undefined : readExample(document, shared);
  const list = document.member(ROOT, "examples");
  if (list === undefined) throw badDocument(document, "When method is classify, key 'examples' is expected and was not found");
  if (!document.isArray(list)) throw badDocument(document, "Expecting 'examples' value to be an list/array");
  const { tape, node } = unfold(document, list);
  const count = tape.count(node);
  if (count === 0) throw badDocument(document, "'examples' value is an empty array");
  if (count > LIMITS.examplesPerRequest) throw new AshoreError("LIMIT_EXCEEDED", `The request has ${count} examples; at most ${LIMITS.examplesPerRequest} are taken at a time.`);
  const examples = Array.from(tape.children(node), (element) => readExample(tape, element));
  return { context, examples };
}

function readExample(tape: JsonTape, node: number): Example {
  if (tape.kind(node) !== KIND.object) {
    throw new AshoreError("INVALID_ARGUMENT", `Example must be JSON object but got JSON ${tape.typeName(node)}`);
  }
  const features = new Map<string, Feature>();
  for (const key of tape.children(node)) {
    const name = tape.name(key);
    features.set(name, readFeature(tape, key + NODE_WORDS, name));
  }
  return features;
}

function readFeature(document: JsonTape, value: number, name: string): Feature {
  let feature: Feature = { kind: "none" };
  const { tape, node } = unfold(document, value);
  for (const element of tape.kind(node) === KIND.array ? tape.children(node) : [node]) feature = withValue(feature, tape, element, name);
  return feature;
}

/** The feature with one more value; the first sets its kind. */
function withValue(feature: Feature, tape: JsonTape, node: number, name: string): Feature {
  const kind = kindOf(tape, node);
  if (kind === undefined) {
    throw new AshoreError("INVALID_ARGUMENT", `Feature: ${name} has element with unexpected JSON type: ${tape.typeName(node)}`);
  }
  const list = feature.kind === "none" ? emptyFeature(kind) : feature;
  if (list.kind !== kind) throw new AshoreError("INVALID_ARGUMENT", `Unexpected element type in feature: ${name} expecting type: ${list.kind}`);
  switch (list.kind) {
    case "bytes":
      list.values.push(tape.isString(node) ? tape.string(node) : base64Bytes(tape, node));
      break;
    case "float":
      list.values.push(Math.fround(tape.number(node)));
      break;
    case "int64":
      list.values.push(integerOf(tape, node, name));
      break;
  }
  return list;
}

function kindOf(tape: JsonTape, node: number): "bytes" | "float" | "int64" | undefined {
  switch (tape.kind(node)) {
    case KIND.true:
    case KIND.false:
    case KIND.integer:
      return "int64";
    case KIND.double:
      return "float";
    case KIND.string:
    case KIND.escapedString:
      return "bytes";
    default:
      return isBase64Object(tape, node) ? "bytes" : undefined;
  }
}

function emptyFeature(kind: "bytes" | "float" | "int64"): Feature {
  switch (kind) {
    case "bytes":
      return { kind, values: [] };
    case "float":
      return { kind, values: [] };
    case "int64":
      return { kind, values: [] };
  }
}

function integerOf(tape: JsonTape, node: number, name: string): bigint {
  const kind = tape.kind(node);
  if (kind !== KIND.integer) return kind === KIND.true ? 1n : 0n;
  const value = tape.bigint(node);
  if (value > INT64_MAX) throw new AshoreError("INVALID_ARGUMENT", `Feature: ${name} has uint64_t element. Only int64_t is supported.`);
  return value;
}

import { plainJson, Refused, type Value } from "./plain-json.ts";

/**
 * The rules of sections 2, 3 and 5 of the REST specification, a second time: no speed, no sharing, nothing from protocol/rest.
 * Text is one character for each byte.
 */
export interface PlainTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** As texts: `7`, `-0`, `NaN`, `true`; of a string, its bytes. */
  readonly elements: readonly string[];
}

export interface PlainRequest {
  readonly format: "row" | "columnar";
  readonly tensors: readonly PlainTensor[];
}

interface Input {
  readonly name: string;
  readonly dtype: string;
}

/** @throws {@link Refused} */
export function plainRequest(inputs: readonly Input[], body: string): PlainRequest {
  const document = plainJson(body);
  if (document.kind !== "Object") throw refusedDocument(document, "Is not object");
  const signatureName = memberOf(document, "signature_name");
  if (signatureName !== undefined && signatureName.kind !== "String") throw refusedDocument(document, "not formatted correctly. 'signature_name' key must be a string value.");
  const named = signatureName?.bytes ?? "";
  if (named !== "" && named !== "serving_default") throw new Refused(400, `Serving signature name: "${named}" not found in signature def`);
  const instances = memberOf(document, "instances");
  const columns = memberOf(document, "inputs");
  if (instances !== undefined && columns !== undefined) throw refusedDocument(document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ");
  if (instances !== undefined) return { format: "row", tensors: complete(inputs, rows(inputs, document, instances)) };
  if (columns !== undefined) return { format: "columnar", tensors: complete(inputs, columnar(inputs, columns)) };
  throw new Refused(400, "Missing 'inputs' or 'instances' key");
}

function rows(inputs: readonly Input[], document: Value, instances: Value): PlainTensor[] {
  if (instances.kind !== "Array") throw refusedDocument(document, "Expecting 'instances' to be an list/array");
  const [first] = instances.items;
  if (first === undefined) throw refusedDocument(document, "No values in 'instances' array");
  if (first.kind !== "Object" && inputs.length > 1) {
    throw new Refused(400, "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map");
  }
  const byName = isNamed(first);
  const gathered = new Map<string, { readonly shape: readonly number[]; readonly size: number; readonly elements: string[] }>();
  for (const [index, element] of instances.items.entries()) {
    if (byName !== isNamed(element)) {
      throw new Refused(400, byName ? `Expecting object but got list at item ${index} of input list` : `Expecting value/list but got object at item ${index} of input list`);
    }
    if (element.kind !== "Object" || !byName) {
      wrapped(`element: ${index}`, () => take(inputs[0], element));
      continue;
    }
    const keys = new Set<string>();
    for (const [key, value] of element.members) {
      const name = upToNul(key);
      keys.add(name);
      wrapped(`element: ${index} key: ${name}`, () => {
        const input = inputs.find((one) => one.name === name);
        if (input === undefined) throw new Refused(400, `JSON object: does not have named input: ${name}`);
        take(input, value);
      });
    }
    if (keys.size !== inputs.length) {
      const wanted = inputs.map(({ name }) => name).sort((a, b) => (a < b ? -1 : 1));
      throw new Refused(400, `Failed to process element: ${index} of 'instances' list. JSON object: ${plainEcho(element)} keys must be equal to: ${wanted.join(",")}`);
    }
  }
  return [...gathered].map(([name, { shape, size, elements }]) => ({ name, shape: [instances.items.length, ...shape], elements: elements.slice(0, instances.items.length * size) }));

  function take(input: Input | undefined, value: Value): void {
    if (input === undefined) return;
    const { shape, elements } = tensorOf(input.dtype, value);
    const before = gathered.get(input.name);
    if (before === undefined) gathered.set(input.name, { shape, size: elements.length, elements });
    else if (before.size !== elements.length) throw new Refused(400, `Expecting tensor size: ${before.size} but got: ${elements.length}`);
    else if (before.shape.join(",") !== shape.join(",")) throw new Refused(400, `Expecting shape [${before.shape.join(",")}] but got: [${shape.join(",")}]`);
    else before.elements.push(...elements);
  }
}

function wrapped(place: string, act: () => void): void {
  try {
    act();
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    throw new Refused(400, `Failed to process ${place} of 'instances' list. Error: ${thrown.status === 501 ? "UNIMPLEMENTED" : "INVALID_ARGUMENT"}: ${thrown.message}`);
  }
}

function columnar(inputs: readonly Input[], columns: Value): PlainTensor[] {
  if (isNamed(columns)) {
    return inputs.map(({ name, dtype }) => {
      const value = memberOf(columns, name);
      if (value === undefined) throw new Refused(400, `Missing named input: ${name} in 'inputs' object.`);
      return { name, ...tensorOf(dtype, value) };
    });
  }
  const [first, second] = inputs;
  if (first === undefined || second !== undefined) {
    throw new Refused(400, "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map");
  }
  return [{ name: first.name, ...tensorOf(first.dtype, columns) }];
}

/** The check of what was sent against the signature, which comes last. */
function complete(inputs: readonly Input[], tensors: readonly PlainTensor[]): readonly PlainTensor[] {
  const required = inputs.map(({ name }) => name).sort();
  const sent = tensors.map(({ name }) => name).sort();
  const missing = required.filter((name) => !sent.includes(name));
  if (missing.length === 0) return tensors;
  throw new Refused(400, `input size does not match signature: ${sent.length}!=${required.length} len({${sent.join(",")}}) != len({${required.join(",")}}). Sent extra: {}. Missing but required: {${missing.join(",")}}.`);
}

function tensorOf(dtype: string, value: Value): { readonly shape: readonly number[]; readonly elements: string[] } {
  const shape: number[] = [];
  for (let first: Value | undefined = value; first?.kind === "Array"; first = first.items[0]) shape.push(first.items.length);
  const elements: string[] = [];
  visit(value, 0);
  return { shape, elements };

  function visit(part: Value, level: number): void {
    if (part.kind !== "Array") {
      if (level !== shape.length) throw new Refused(400, `JSON Value: ${plainEcho(part)} found at incorrect level: ${level + 1} in the JSON DOM. Expected at level: ${shape.length}`);
      elements.push(elementOf(dtype, part));
      return;
    }
    if (level >= shape.length) throw new Refused(400, `Encountered list at unexpected level: ${level} expected < ${shape.length}`);
    if (part.items.length !== shape[level]) throw new Refused(400, `Encountered list at unexpected size: ${part.items.length} at level: ${level} expected size: ${shape[level]}`);
    for (const item of part.items) visit(item, level + 1);
  }
}

const RANGES: Readonly<Record<string, readonly [least: bigint, most: bigint]>> = {
  ...Object.fromEntries(["int32", "int16", "int8", "uint8"].map((dtype) => [dtype, [-(2n ** 31n), 2n ** 31n - 1n]])),
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

function elementOf(dtype: string, value: Value): string {
  const wrongType = (): Refused => new Refused(400, `JSON Value: ${plainEcho(value)} Type: ${value.kind} is not of expected type: ${dtype}`);
  const range = RANGES[dtype];
  if (dtype === "string") {
    if (value.kind === "String") return value.bytes;
    if (value.kind !== "Object") throw wrongType();
    if (isNamed(value)) throw new Refused(400, `JSON Value: ${plainEcho(value)} not formatted correctly for base64 data`);
    return base64(value.members[0]?.[1]);
  }
  if (value.kind === "Object") throw wrongType();
  if (dtype === "float" || dtype === "double") {
    if (value.kind !== "Number") throw wrongType();
    return shown(dtype === "float" ? Math.fround(value.value) : value.value);
  }
  if (dtype === "bool") {
    if (value.kind !== "True" && value.kind !== "False") throw wrongType();
    return value.kind === "True" ? "1" : "0";
  }
  if (range === undefined) throw new Refused(501, `Conversion of JSON Value: ${plainEcho(value)} to type: ${dtype}`);
  const integer = value.kind === "Number" ? value.integer : undefined;
  if (integer === undefined || integer < range[0] || integer > range[1]) throw wrongType();
  return String(integer);
}

export function shown(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function base64(value: Value | undefined): string {
  const text = value?.kind === "String" ? value.bytes.replace(/[ \t\n\v\f\r]/g, "") : "";
  const [, digits = "", padding = ""] = /^([A-Za-z0-9+/]*)([=.]*)$/.exec(text) ?? [undefined, "!"];
  const left = digits.length % 4;
  if (digits === "!" || left === 1 || (padding !== "" && padding.length !== (4 - left) % 4)) throw new Refused(400, "Unable to base64 decode");
  return Buffer.from(digits, "base64").toString("latin1");
}

/** An object other than `{"b64": "text"}`. */
function isNamed(value: Value): boolean {
  if (value.kind !== "Object") return false;
  const [member] = value.members;
  return !(value.members.length === 1 && member?.[0] === "b64" && member[1].kind === "String");
}

function memberOf(value: Value, name: string): Value | undefined {
  return value.kind === "Object" ? value.members.find(([key]) => key === name)?.[1] : undefined;
}

function upToNul(key: string): string {
  return key.split("\0", 1)[0] ?? "";
}

function refusedDocument(document: Value, fault: string): Refused {
  return new Refused(400, `JSON Value: ${plainEcho(document)} ${fault}`);
}

/** Section 3.1: tokens, each begun only below 256 bytes; nothing after what is no number. */
export function plainEcho(value: Value): string {
  let out = "";
  return write(value, 0, ""), out;

  /** Whether writing goes on. */
  function token(text: string | undefined, before: string): boolean {
    if (out.length >= 256) return false;
    out += before + (text ?? "");
    return text !== undefined;
  }

  function write(part: Value, depth: number, before: string): boolean {
    switch (part.kind) {
      case "Null":
      case "True":
      case "False":
        return token(part.kind.toLowerCase(), before);
      case "Number":
        return token(numberText(part.value, part.integer), before);
      case "String":
        return token(quoted(part.bytes), before);
      case "Array":
        return token("[", before) && part.items.every((item, index) => write(item, depth + 1, index === 0 ? "" : ", ")) && token("]", "");
      case "Object": {
        const line = (levels: number): string => `\n${"    ".repeat(levels)}`;
        const isWhole = token("{", before) && part.members.every(([key, item], index) => token(quoted(key), (index === 0 ? "" : ",") + line(depth + 1)) && write(item, depth + 1, ": "));
        return isWhole && token("}", part.members.length === 0 ? "" : line(depth));
      }
    }
  }
}

/** Undefined for what RapidJSON's printer refuses. Its digits are the fewest, nearly always: who compares allows for that. */
function numberText(value: number, integer: bigint | undefined): string | undefined {
  if (integer !== undefined) return String(integer);
  if (!Number.isFinite(value)) return undefined;
  const text = shown(value);
  const [mantissa = "", exponent] = text.split("e");
  if (exponent === undefined) return text.includes(".") ? text : `${text}.0`;
  return `${mantissa}e${Number(exponent)}`;
}

/** Everything but `"`, `\` and control characters as it is. */
export function quoted(bytes: string): string {
  const escapes: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  return `"${bytes.replace(/[^ !#-[\]-\u{ff}]/gu, (byte) => escapes[byte] ?? `\\u00${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)}"`;
}

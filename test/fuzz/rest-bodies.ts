import { mutateBytes } from "./mutate.ts";
import type { Random } from "./random.ts";

/** A predict request: the signature def's inputs (`a:int32,b:float`, sorted by name) and the body's bytes. */
export interface FuzzRequest {
  readonly inputs: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

export const DTYPES = ["float", "double", "int32", "int64", "uint8", "int16", "int8", "uint32", "uint64", "bool", "string", "uint16", "half", "bfloat16", "complex64"] as const;

const NAMES = ["a", "b", "b64", "inputs", "instances", "s", "x", "é"];
const SPACES = ["", "", "", "", " ", "\n", "\t", "\r\n  "];

const encoder = new TextEncoder();

/** A request made by a grammar of requests, half of them then mutated. */
export function anyRequest(random: Random): FuzzRequest {
  const count = random.of([1, 1, 1, 1, 2, 2, 3]);
  const names = NAMES.filter((_, index) => index === random.below(NAMES.length) || random.chance(0.5)).slice(0, count);
  if (names.length === 0) names.push("x");
  const inputs = names.map((name) => ({ name, dtype: random.of(DTYPES) }));
  const text = new BodyText(random).request(inputs);
  const body = encoder.encode(text);
  const mutated = random.chance(0.4) ? mutateBytes(body, random) : body;
  return { inputs: inputs.map(({ name, dtype }) => `${name}:${dtype}`).join(","), body: mutated };
}

/** The body of a classify or regress request, half of them mutated. */
export function anyExamplesBody(random: Random): Uint8Array<ArrayBuffer> {
  const body = encoder.encode(new BodyText(random).examples());
  return random.chance(0.4) ? mutateBytes(body, random) : body;
}

interface Input {
  readonly name: string;
  readonly dtype: string;
}

class BodyText {
  readonly #random: Random;
  /** How often a rule is broken, here and there. */
  readonly #fault: number;

  constructor(random: Random) {
    this.#random = random;
    this.#fault = random.of([0, 0.01, 0.05, 0.3]);
  }

  request(inputs: readonly Input[]): string {
    const random = this.#random;
    if (this.#isFault()) return this.#json(4);
    const members: string[] = [];
    if (random.chance(0.3)) members.push(this.#member("signature_name", this.#isFault() ? this.#json(2) : random.of(['""', '"serving_default"', '"serving\\u005fdefault"', '"other"'])));
    if (random.chance(0.2)) members.push(this.#member(random.of(["unknown", "signature_def", "", "instance"]), this.#json(3)));
    const isRow = random.chance(0.6);
    members.push(isRow ? this.#member("instances", this.#instances(inputs)) : this.#member("inputs", this.#columns(inputs)));
    if (this.#isFault()) members.push(this.#member(random.of(["instances", "inputs"]), this.#json(3)));
    if (random.chance(0.3)) members.reverse();
    const front = random.chance(0.03) ? "\ufeff" : "";
    const back = random.of(["", "", "", " ", "\n", "}", "x", "\u0000", '{"instances":[1]}']);
    return front + this.#space() + this.#braced(members) + back;
  }

  examples(): string {
    const random = this.#random;
    if (this.#isFault()) return this.#json(4);
    const members = [this.#member("examples", this.#isFault() ? this.#json(3) : this.#list(random.of([0, 1, 1, 2, 3]), () => this.#example()))];
    if (random.chance(0.3)) members.push(this.#member("context", this.#example()));
    if (random.chance(0.2)) members.push(this.#member("signature_name", this.#isFault() ? this.#json(1) : '"s"'));
    if (random.chance(0.2)) members.push(this.#member(random.of(["examples", "context", "label"]), this.#json(2)));
    if (random.chance(0.3)) members.reverse();
    return this.#braced(members);
  }

  #example(): string {
    const random = this.#random;
    if (this.#isFault()) return this.#json(2);
    return this.#object(random.below(4), () => {
      const dtype = random.of(["double", "int64", "string", "bool"]);
      return this.#member(random.of(NAMES), random.chance(0.4) ? this.#leaf(dtype) : this.#list(random.below(4), () => this.#leaf(dtype)));
    });
  }

  #instances(inputs: readonly Input[]): string {
    const random = this.#random;
    const count = random.of([0, 1, 1, 2, 3]);
    const shapes = inputs.map(() => this.#shape());
    const [first = { name: "x", dtype: "float" }] = inputs;
    if (inputs.length === 1 && random.chance(0.6)) return this.#list(count, () => this.#tensor(first.dtype, shapes[0] ?? [], 0));
    return this.#list(count, () => {
      const members = inputs.map(({ name, dtype }, index) => this.#member(name, this.#tensor(dtype, shapes[index] ?? [], 0)));
      return this.#namedTensors(members);
    });
  }

  #columns(inputs: readonly Input[]): string {
    const [first = { name: "x", dtype: "float" }] = inputs;
    if (inputs.length === 1 && this.#random.chance(0.6)) return this.#tensor(first.dtype, this.#shape(), 0);
    return this.#namedTensors(inputs.map(({ name, dtype }) => this.#member(name, this.#tensor(dtype, this.#shape(), 0))));
  }

  #namedTensors(members: string[]): string {
    if (this.#isFault()) members.pop();
    if (this.#isFault()) members.push(this.#member(this.#random.of(NAMES), this.#json(2)));
    if (this.#random.chance(0.3)) members.reverse();
    return this.#isFault() ? this.#json(2) : this.#braced(members);
  }

  #shape(): readonly number[] {
    return Array.from({ length: this.#random.of([0, 0, 1, 1, 2, 3]) }, () => this.#random.of([0, 1, 1, 2, 2, 3]));
  }

  #tensor(dtype: string, shape: readonly number[], level: number): string {
    const random = this.#random;
    if (this.#isFault()) return random.chance(0.5) ? this.#json(2) : this.#tensor(dtype, [...shape, 1], level);
    const size = shape[level];
    if (size === undefined) return this.#leaf(dtype);
    return this.#list(this.#isFault() ? random.below(4) : size, () => this.#tensor(dtype, shape, level + 1));
  }

  #leaf(dtype: string): string {
    if (this.#isFault()) return this.#json(1);
    switch (dtype) {
      case "bool":
        return this.#random.of(["true", "false"]);
      case "string":
        return this.#random.chance(0.5) ? this.#string() : this.#base64();
      case "float":
      case "double":
      case "half":
        return this.#number();
      default:
        return this.#integer(dtype);
    }
  }

  #integer(dtype: string): string {
    const random = this.#random;
    if (random.chance(0.7)) return String(random.below(200));
    const edges: Readonly<Record<string, readonly string[]>> = {
      int64: ["9223372036854775807", "-9223372036854775808", "9007199254740993", "-9007199254740993", "123456789012345678", "-1"],
      uint64: ["18446744073709551615", "9007199254740993", "10000000000000000000"],
      uint32: ["4294967295", "2147483648", "1000000000"],
    };
    return random.of(edges[dtype] ?? ["2147483647", "-2147483648", "-0", "0", "-1", "255", "256", "-128", "65536"]);
  }

  #number(): string {
    const random = this.#random;
    const digits = (most: number) => Array.from({ length: 1 + random.below(most) }, () => random.below(10)).join("");
    switch (random.below(9)) {
      case 0:
        return random.of(["NaN", "-NaN", "Infinity", "-Infinity", "Inf", "-Inf", "0", "-0", "0.0", "-0.0", "-0e0", "0e-999999999999", "1e-400"]);
      case 1:
        return random.of(EDGES);
      case 2:
        return String(random.below(256));
      case 3:
        return `${random.chance(0.5) ? "-" : ""}${1 + random.below(9)}${digits(24)}`;
      case 4:
        return `${random.below(10)}.${digits(24)}`;
      case 5:
        return `${1 + random.below(9)}${digits(20)}.${digits(20)}`;
      case 6:
        return `${random.below(100)}.${digits(17)}${random.of(["e", "E"])}${random.of(["", "+", "-"])}${random.of(["0", "", ""])}${random.below(330)}`;
      case 7:
        return `${random.of(["0", "1", "17", "99999999999999999999"])}${random.chance(0.5) ? `.${"0".repeat(random.below(330))}${digits(3)}` : ""}e${random.of(["", "-", "+"])}${random.of([0, 5, 22, 23, 290, 307, 308, 309, 310, 320, 400])}`;
      default:
        return String((random.below(2_000_001) - 1_000_000) / 2 ** random.below(40));
    }
  }

  /** Any JSON value, or nearly. */
  #json(depth: number): string {
    const random = this.#random;
    switch (random.below(depth > 0 ? 9 : 6)) {
      case 0:
        return random.of(["null", "true", "false", "{}", "[]"]);
      case 1:
        return this.#number();
      case 2:
        return this.#integer("int64");
      case 3:
        return this.#string();
      case 4:
        return this.#base64();
      case 5:
        return random.of(BROKEN);
      case 6:
        return this.#object(random.below(4), () => this.#member(random.of(NAMES), this.#json(depth - 1)));
      default:
        return this.#list(random.below(4), () => this.#json(depth - 1));
    }
  }

  #string(): string {
    const random = this.#random;
    if (random.chance(0.05)) return `"${"long ".repeat(random.below(80))}"`;
    return `"${Array.from({ length: random.below(6) }, () => (this.#isFault() ? random.of(BROKEN_CHARACTERS) : random.of(CHARACTERS))).join("")}"`;
  }

  #base64(): string {
    const random = this.#random;
    const text = this.#isFault() ? random.of(BROKEN_BASE64) : Buffer.from(random.bytes(random.below(7))).toString("base64");
    const spaced = random.chance(0.2) ? text.split("").join(random.of([" ", "\\n", "\\t", "\\u0020"])) : text;
    const bare = random.chance(0.3) ? spaced.replace(/[=\s]+$/, "") : spaced;
    return this.#braced([`${random.chance(0.9) ? '"b64"' : '"b\\u00364"'}:${this.#isFault() ? this.#json(0) : `"${bare}"`}`, ...(this.#isFault() ? [this.#member("c", "1")] : [])]);
  }

  #member(name: string, value: string): string {
    const random = this.#random;
    const key = random.chance(0.05) && name !== "" ? `"\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${name.slice(1)}"` : JSON.stringify(name);
    return `${this.#space()}${key}${this.#space()}:${this.#space()}${value}${this.#space()}`;
  }

  #braced(members: readonly string[]): string {
    return `{${members.join(",")}${this.#isFault() ? this.#random.of([",", ":", "]", ""]) : ""}}`;
  }

  #object(count: number, member: () => string): string {
    return this.#braced(Array.from({ length: count }, member));
  }

  #list(count: number, item: () => string): string {
    const items = Array.from({ length: count }, () => `${this.#space()}${item()}${this.#space()}`);
    return `[${items.join(this.#isFault() ? this.#random.of([" ", ",,", ";", ":"]) : ",")}${this.#isFault() ? "," : ""}]`;
  }

  #space(): string {
    return this.#random.of(SPACES);
  }

  #isFault(): boolean {
    return this.#random.chance(this.#fault);
  }
}

const EDGES = [
  "1e308",
  "1.7976931348623157e308",
  "1.7976931348623159e308",
  "17976931348623157e292",
  "1e309",
  "0.1e309",
  "0.01e310",
  "10e308",
  `1${"0".repeat(308)}`,
  `1${"0".repeat(309)}`,
  `2${"0".repeat(308)}`,
  "3.4028235e38",
  "3.4028236e38",
  "3.40282357e38",
  "1e39",
  "1.4e-45",
  "7e-46",
  "2.2250738585072011e-308",
  "4.9e-324",
  "2e-324",
  "16777217",
  "16777219",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "-9223372036854775809",
  "18446744073709551615",
  "18446744073709551616",
  "-18446744073709551616",
  "1.00000005960464477539062500000001",
  "0.1000000000000000055511151231257827",
  "1e21",
  "1e-7",
  "123456789012345678901234567890",
];

const BROKEN = ["nan", "Nan", "NAN", "inf", "INF", "Infinit", "Infinityx", "+1", ".5", "1.", "1e", "1e+", "-", "--1", "01", "-01", "0x1", "1_000", "True", "nul", "nulll", "tru", "fals", "undefined", "'a'", "/*c*/1", "", "}", "]", ",", ":", "-a", "-Infx", "-I", "1.e5", "1e309", "1 2"];
const CHARACTERS = ["a", "b", "Z", "0", " ", "é", "💥", "\u007f", "\u2028", "\\n", "\\t", "\\\\", '\\"', "\\/", "\\b", "\\f", "\\r", "\\u0041", "\\u00e9", "\\u20AC", "\\ud83d\\ude00", "\\u0000", "\\u001f", "\\udc00"];
const BROKEN_CHARACTERS = ["\u0001", "\n", "\u0000", "\\", "\\x", "\\u12", "\\uZZZZ", "\\ud83d", "\\ud83dx", "\\ud83d\\n", "\\ud83d\\u0041", "\\ud83d\\ud83d", "\\'"];
const BROKEN_BASE64 = ["_-8=", "SGk==", "SGk=S", "S", "SGkS=", "=", "====", "SGk.", "é", "SG=k", "S G k =", "SGVsbG8", "SGVsbG8=", "!!", "//79", "AA==", "AA=", "AB"];

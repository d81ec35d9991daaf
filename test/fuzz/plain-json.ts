/**
 * JSON as RapidJSON reads it for TensorFlow Serving (specification, section 4), read a second time: slowly, a value at a time, from
 * the rules alone. Nothing here comes from protocol/rest.
 */
export type Value =
  | { readonly kind: "Null" | "True" | "False" }
  /** `integer` where the literal is one; `value` is the nearest double. */
  | { readonly kind: "Number"; readonly value: number; readonly integer: bigint | undefined }
  /** One character for each byte. */
  | { readonly kind: "String"; readonly bytes: string }
  | { readonly kind: "Array"; readonly items: readonly Value[] }
  | { readonly kind: "Object"; readonly members: readonly (readonly [key: string, value: Value])[] };

/** What a request is refused with. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const broken = (text: string, offset: number): Refused => new Refused(400, `JSON Parse error: ${text}. at offset: ${offset}`);

/** @param text one character for each byte */
export function plainJson(text: string): Value {
  if (text === "") throw new Refused(400, "JSON Parse error: The document is empty");
  let at = 0;
  for (const mark of ["\xef", "\xbb", "\xbf"]) if (text[at] === mark) at++;
  return root();

  /** A NUL reads as the end does. */
  function here(): string {
    const byte = text[at] ?? "";
    return byte === "\0" ? "" : byte;
  }

  function space(): void {
    while (here() !== "" && " \n\r\t".includes(here())) at++;
  }

  function root(): Value {
    space();
    if ("]},:".includes(here())) throw broken("The document is empty", at);
    return value();
  }

  function value(): Value {
    space();
    switch (here()) {
      case "{":
        return object();
      case "[":
        return array();
      case '"':
        return { kind: "String", bytes: string() };
      case "n":
        return word("null", "Null");
      case "t":
        return word("true", "True");
      case "f":
        return word("false", "False");
      default:
        return number();
    }
  }

  function word(letters: string, kind: "Null" | "True" | "False"): Value {
    expectWord(letters);
    return { kind };
  }

  function expectWord(letters: string): void {
    for (const letter of letters) {
      if (here() !== letter) throw broken("Invalid value", at);
      at++;
    }
  }

  function array(): Value {
    at++;
    const items: Value[] = [];
    space();
    if (here() === "]") {
      at++;
      return { kind: "Array", items };
    }
    for (;;) {
      items.push(value());
      space();
      if (here() !== "," && here() !== "]") throw broken("Missing a comma or ']' after an array element", at);
      if (text[at++] === "]") return { kind: "Array", items };
    }
  }

  function object(): Value {
    at++;
    const members: [string, Value][] = [];
    space();
    if (here() === "}") {
      at++;
      return { kind: "Object", members };
    }
    for (;;) {
      space();
      if (here() !== '"') throw broken("Missing a name for object member", at);
      const key = string();
      space();
      if (here() !== ":") throw broken("Missing a colon after a name of object member", at);
      at++;
      members.push([key, value()]);
      space();
      if (here() !== "," && here() !== "}") throw broken("Missing a comma or '}' after an object member", at);
      if (text[at++] === "}") return { kind: "Object", members };
    }
  }

  function string(): string {
    at++;
    let bytes = "";
    for (;;) {
      const byte = here();
      if (byte === "") throw broken("Missing a closing quotation mark in string", at);
      if (byte < " ") throw broken("Invalid escape character in string", at);
      if (byte === "\\") bytes += escape();
      else if (byte === '"') {
        at++;
        return bytes;
      } else {
        bytes += byte;
        at++;
      }
    }
  }

  function escape(): string {
    const start = at;
    const letter = text[at + 1] ?? "";
    at += 2;
    const plain = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }[letter];
    if (plain !== undefined) return plain;
    if (letter !== "u") throw broken("Invalid escape character in string", start);
    let point = hex(start);
    if (point >= 0xd800 && point <= 0xdbff) {
      if (text.slice(at, at + 2) !== "\\u") throw broken("The surrogate pair in string is invalid", start);
      at += 2;
      const low = hex(start);
      if (low < 0xdc00 || low > 0xdfff) throw broken("The surrogate pair in string is invalid", start);
      point = 0x10000 + (point - 0xd800) * 0x400 + (low - 0xdc00);
    }
    return utf8(point);
  }

  function hex(start: number): number {
    const digits = text.slice(at, at + 4);
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw broken("Incorrect hex digit after \\u escape in string", start);
    at += 4;
    return Number.parseInt(digits, 16);
  }

  function number(): Value {
    const start = at;
    const minus = here() === "-";
    if (minus) at++;
    if (here() === "N" || here() === "I") return notFinite(minus);
    if (!isDigit(here())) throw broken("Invalid value", at);
    const whole = here() === "0" ? "0" : digits();
    if (whole === "0") at++;
    let fraction = "";
    let exponent = "";
    const isInteger = here() !== "." && here() !== "e" && here() !== "E";
    checkWhole(whole, start);
    if (here() === ".") {
      at++;
      if (!isDigit(here())) throw broken("Miss fraction part in number", at);
      fraction = digits();
    }
    if (here() === "e" || here() === "E") {
      at++;
      const sign = here() === "-" || here() === "+" ? text[at++] : "";
      if (!isDigit(here())) throw broken("Miss exponent in number", at);
      exponent = (sign ?? "") + digits();
      if (sign !== "-" && Number(exponent) > 308 + fractionTaken(minus, whole, fraction)) throw broken("Number too big to be stored in double", start);
    }
    const size = BigInt(whole);
    const integer = isInteger && size <= (minus ? 2n ** 63n : 2n ** 64n - 1n) ? (minus ? -size : size) : undefined;
    const written = Number(`${minus ? "-" : ""}${whole}${fraction && `.${fraction}`}${exponent && `e${exponent}`}`);
    return { kind: "Number", value: integer === undefined ? written : Number(integer), integer };
  }

  function notFinite(minus: boolean): Value {
    if (here() === "N") {
      expectWord("NaN");
      return { kind: "Number", value: Number.NaN, integer: undefined };
    }
    expectWord("Inf");
    if (here() === "i") expectWord("inity");
    return { kind: "Number", value: minus ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, integer: undefined };
  }

  function digits(): string {
    const start = at;
    while (isDigit(here())) at++;
    return text.slice(start, at);
  }
}

/** A whole part is too big where it passes 1.79…e307 with digits still to come. */
function checkWhole(whole: string, start: number): void {
  if (whole.length > 308 && Number(whole.slice(0, -1)) >= Number.MAX_VALUE / 10) throw broken("Number too big to be stored in double", start);
}

/** How many digits of a fraction RapidJSON takes in: while the number is below 2^53, then up to 17 that count. */
function fractionTaken(minus: boolean, whole: string, fraction: string): number {
  let number = BigInt(whole);
  if (number > (minus ? 2n ** 63n : 2n ** 64n - 1n)) return 0;
  let counted = whole.length - 1;
  let taken = 0;
  for (const digit of fraction) {
    if (number >= 2n ** 53n && counted >= 17) break;
    number = number * 10n + BigInt(digit);
    taken++;
    if (number > 0n) counted++;
  }
  return taken;
}

function isDigit(byte: string): boolean {
  return byte >= "0" && byte <= "9" && byte !== "";
}

/** A code point as UTF-8, a lone low surrogate too. */
function utf8(point: number): string {
  const tail = (shift: number): number => 0x80 | ((point >> shift) & 0x3f);
  if (point < 0x80) return String.fromCharCode(point);
  if (point < 0x800) return String.fromCharCode(0xc0 | (point >> 6), tail(0));
  if (point < 0x10000) return String.fromCharCode(0xe0 | (point >> 12), tail(6), tail(0));
  return String.fromCharCode(0xf0 | (point >> 18), tail(12), tail(6), tail(0));
}

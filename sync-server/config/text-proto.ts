import { AshoreError } from "../../protocol/errors.ts";

/** A message in protobuf's text format: every field with all of its values, in order. */
export interface TextMessage {
  readonly [field: string]: readonly TextValue[];
}
export type TextValue = string | number | boolean | TextMessage;

interface Token {
  readonly kind: "name" | "number" | "string" | "mark" | "end";
  readonly text: string;
  readonly line: number;
}

const TOKEN = /(?<space>\s+|#[^\n]*)|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<number>-?[0-9][0-9.eE+-]*)|(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<mark>[{}<>[\]:,;])/y;
const MAX_DEPTH = 32;

/**
 * Text format of protocol buffers, as far as `ModelServerConfig` needs it: names, numbers, strings, booleans, messages in
 * `{}` or `<>`, lists in `[]`; no extensions, no `Any`.
 * @throws CONFIG_INVALID with the line
 */
export function parseTextProto(text: string, file: string): TextMessage {
  const tokens = tokensOf(text, file);
  let at = 0;

  function peek(): Token {
    return tokens[at] ?? { kind: "end", text: "the end", line: tokens.at(-1)?.line ?? 1 };
  }
  function next(): Token {
    const token = peek();
    at += 1;
    return token;
  }
  function accept(...marks: readonly string[]): boolean {
    const token = peek();
    if (token.kind !== "mark" || !marks.includes(token.text)) return false;
    at += 1;
    return true;
  }
  function fault(token: Token, wanted: string): AshoreError {
    return new AshoreError("CONFIG_INVALID", `${file}:${token.line}: ${JSON.stringify(token.text)} stands where ${wanted} must.`);
  }

  function message(close: string | undefined, depth: number): TextMessage {
    if (depth > MAX_DEPTH) throw fault(peek(), `no more than ${MAX_DEPTH} levels`);
    const fields = new Map<string, TextValue[]>();
    for (;;) {
      const token = next();
      if (close === undefined ? token.kind === "end" : token.kind === "mark" && token.text === close) break;
      if (token.kind !== "name") throw fault(token, close === undefined ? "a field's name" : `a field's name or ${JSON.stringify(close)}`);
      const colon = accept(":");
      const values = fields.get(token.text) ?? [];
      fields.set(token.text, values);
      if (accept("[")) {
        while (!accept("]")) {
          values.push(value(true, depth));
          accept(",");
        }
      } else {
        values.push(value(colon, depth));
      }
      accept(",", ";");
    }
    return Object.fromEntries(fields);
  }

  function value(colon: boolean, depth: number): TextValue {
    const token = next();
    if (token.kind === "mark" && token.text === "{") return message("}", depth + 1);
    if (token.kind === "mark" && token.text === "<") return message(">", depth + 1);
    if (!colon) throw fault(token, 'a ":" or a message');
    if (token.kind === "number" && Number.isFinite(Number(token.text))) return Number(token.text);
    if (token.kind === "name") return token.text === "true" ? true : token.text === "false" ? false : token.text;
    if (token.kind !== "string") throw fault(token, "a value");
    let text = unquoted(token.text);
    // Strings that stand side by side are one.
    while (peek().kind === "string") text += unquoted(next().text);
    return text;
  }

  return message(undefined, 0);
}

function tokensOf(text: string, file: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  for (let offset = 0; offset < text.length; offset = TOKEN.lastIndex) {
    const match = TOKEN.exec(text);
    if (match?.groups === undefined) {
      throw new AshoreError("CONFIG_INVALID", `${file}:${line}: ${JSON.stringify(text.slice(offset, offset + 20))} is not text format of protocol buffers.`);
    }
    const [kind, found] = Object.entries(match.groups).find(([, group]) => group !== undefined) ?? ["space", ""];
    if (kind === "name" || kind === "number" || kind === "string" || kind === "mark") tokens.push({ kind, text: found, line });
    line += found.split("\n").length - 1;
  }
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function unquoted(literal: string): string {
  return literal.slice(1, -1).replace(/\\(.)/g, (_, character: string) => ESCAPES[character] ?? character);
}

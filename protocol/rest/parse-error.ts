import { AshoreError } from "../errors.ts";

/** RapidJSON's texts for a body that is not JSON (`rapidjson/error/en.h`, v1.1.0). */
export const PARSE_ERRORS = {
  empty: "The document is empty.",
  value: "Invalid value.",
  name: "Missing a name for object member.",
  colon: "Missing a colon after a name of object member.",
  memberEnd: "Missing a comma or '}' after an object member.",
  elementEnd: "Missing a comma or ']' after an array element.",
  hex: "Incorrect hex digit after \\u escape in string.",
  surrogate: "The surrogate pair in string is invalid.",
  escape: "Invalid escape character in string.",
  quote: "Missing a closing quotation mark in string.",
  tooBig: "Number too big to be stored in double.",
  fraction: "Miss fraction part in number.",
  exponent: "Miss exponent in number.",
} as const;

/** The error of a body that stops being JSON at a byte `offset` (a byte order mark counts). */
export function parseError(kind: keyof typeof PARSE_ERRORS, offset: number): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", `JSON Parse error: ${PARSE_ERRORS[kind]} at offset: ${offset}`);
}

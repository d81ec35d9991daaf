import { AshoreError } from "../errors.ts";
import { decodeBase64 } from "./base64.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";

/** Whether a value is TensorFlow Serving's `{"b64": "…"}`: an object of one member, of that name, a string. */
export function isBase64Object(tape: JsonTape, node: number): boolean {
  if (tape.kind(node) !== KIND.object || tape.count(node) !== 1) return false;
  const value = tape.member(node, "b64");
  return value !== undefined && tape.isString(value);
}

/**
 * The bytes of a base64 object.
 * @throws INVALID_ARGUMENT
 */
export function base64Bytes(tape: JsonTape, object: number): Uint8Array {
  const bytes = decodeBase64(tape.string(object + 2 * NODE_WORDS));
  if (bytes === undefined) throw new AshoreError("INVALID_ARGUMENT", "Unable to base64 decode");
  return bytes;
}

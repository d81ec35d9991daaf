import { AshoreError } from "../errors.ts";
import { echo } from "./echo.ts";
import { KIND, type JsonTape } from "./json-tape.ts";
import { parseJson } from "./parse-json.ts";

/** The root of every request's document. */
export const ROOT = 0;

/** A request body that is a JSON object. */
export interface RequestBody {
  /** `signature_name`, or "" where the request names none; "" stands for `serving_default`. */
  readonly signatureName: string;
  /** The parsed document, for the functions that read on from here. */
  readonly document: JsonTape;
}

/**
 * The checks that come before any look at a model (`json_tensor.cc`, `ParseJson` and `FillSignature`): JSON, an object, and
 * `signature_name`, if there, a string.
 * @throws INVALID_ARGUMENT
 */
export function parseRequestBody(bytes: Uint8Array): RequestBody {
  if (bytes.length === 0) throw new AshoreError("INVALID_ARGUMENT", "JSON Parse error: The document is empty");
  const document = parseJson(bytes, 0, true);
  if (document.kind(ROOT) !== KIND.object) throw badDocument(document, "Is not object");
  const name = document.member(ROOT, "signature_name");
  if (name === undefined) return { signatureName: "", document };
  if (!document.isString(name)) throw badDocument(document, "not formatted correctly. 'signature_name' key must be a string value.");
  return { signatureName: document.text(name), document };
}

/** A fault of the request as a whole, which the message repeats. */
export function badDocument(document: JsonTape, fault: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", `JSON Value: ${echo(document, ROOT)} ${fault}`);
}

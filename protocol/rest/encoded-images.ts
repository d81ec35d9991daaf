import { AshoreError } from "../errors.ts";
import { isBase64Object } from "./base64-object.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";
import type { SignatureInputs } from "./predict-format.ts";
import { ROOT, type RequestBody } from "./request-body.ts";

/**
 * A signature def's inputs as a request gives them: one of `images`, that the model makes of images, takes strings where the
 * request has `{"b64": "…"}` for it, a JPEG or PNG. TensorFlow Serving has nothing but an error for such a request.
 */
export function encodedImages({ document }: RequestBody, inputs: SignatureInputs, images: readonly { readonly key: string }[], columnsKey: string): SignatureInputs {
  const encoded = images.filter(({ key }) => {
    const value = valueOf(document, key, columnsKey);
    return value !== undefined && isBase64Object(document, firstLeaf(document, value));
  });
  return encoded.length === 0 ? inputs : { ...inputs, ...Object.fromEntries(encoded.map(({ key }) => [key, { dtype: "string" as const }])) };
}

/** The value, or that of the first instance. */
function valueOf(document: JsonTape, key: string, columnsKey: string): number | undefined {
  const instances = document.member(ROOT, "instances");
  const isRow = instances !== undefined && document.isArray(instances) && document.block(instances) === undefined && document.count(instances) > 0;
  const value = isRow ? instances + NODE_WORDS : document.member(ROOT, columnsKey);
  if (value === undefined || document.kind(value) !== KIND.object || isBase64Object(document, value)) return value;
  return document.member(value, key);
}

function firstLeaf(document: JsonTape, value: number): number {
  let node = value;
  while (document.isArray(node) && document.block(node) === undefined && document.count(node) > 0) node += NODE_WORDS;
  return node;
}

/** How many classes a request asks to have named; undefined where it does not say. @throws INVALID_ARGUMENT */
export function topKOf({ document }: RequestBody): number | undefined {
  const node = document.member(ROOT, "top_k");
  if (node === undefined) return undefined;
  if (document.kind(node) !== KIND.integer) throw new AshoreError("INVALID_ARGUMENT", "'top_k' key must be an integer, the number of classes to name.");
  return document.number(node);
}

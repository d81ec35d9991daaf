import { canonicalJson, keyIdOf, verifySignature } from "../../protocol/tuf/index.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { digestOf } from "../../protocol/digest.ts";
import { parseRequestBody, readPredictInputs, writePredictAnswer, type SignatureInputs } from "../../protocol/rest/index.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";

/** Vectors that survive JSON, so that they reach a page as they are. */
export interface Vectors {
  readonly requests: readonly { readonly inputs: SignatureInputs; readonly body: string }[];
  readonly canonical: readonly unknown[];
  readonly digests: readonly string[];
  readonly signature: { readonly key: { readonly keytype: string; readonly scheme: string; readonly public: string }; readonly hex: string; readonly data: string };
}

/** What this realm makes of the vectors, as data that survives JSON too; run in Node and in a page, the answers must agree. */
export async function answer({ requests, canonical, digests, signature }: Vectors): Promise<unknown> {
  const utf8 = new TextEncoder();
  const data = utf8.encode(signature.data);
  const forged = utf8.encode(`${signature.data} `);
  return {
    requests: requests.map(({ inputs, body }) => outcome(() => roundTrip(inputs, utf8.encode(body)))),
    canonical: canonical.map((value) => outcome(() => text(canonicalJson(value)))),
    digests: await Promise.all(digests.map((value) => digestOf(utf8.encode(value)))),
    keyId: await keyIdOf(signature.key),
    genuine: await verifySignature(signature.key, signature.hex, data),
    forged: await verifySignature(signature.key, signature.hex, forged),
  };
}

/** A request read into tensors, and the same tensors written as an answer in the request's form. */
function roundTrip(inputs: SignatureInputs, body: Uint8Array<ArrayBuffer>): unknown {
  const { format, tensors } = readPredictInputs(parseRequestBody(body), inputs);
  return { format, tensors: plain(tensors), answer: text(writePredictAnswer(tensors, format)) };
}

function plain(tensors: NamedTensors): unknown {
  return Object.entries(tensors).map(([name, { dtype, shape, data }]) => ({ name, dtype, shape, kind: data.constructor.name, data: Array.from<unknown, string>(data, String) }));
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof AshoreError) return { code: error.code, message: error.message };
    throw error;
  }
}

/** Byte by byte: an answer with raw strings need not be UTF-8. */
function text(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

import { digestOf } from "../../protocol/digest.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";

/** A value as a record of its own: a line with the digest of the rest, then JSON. A flipped bit or a cut shows. */
export async function seal(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const json = JSON.stringify(value);
  const digest = await digestOf(new TextEncoder().encode(json));
  return new TextEncoder().encode(`${digest}\n${json}`);
}

/** The value of a sealed record; undefined where the record is damaged. */
export async function unseal(bytes: Uint8Array<ArrayBuffer>): Promise<unknown> {
  const cut = bytes.indexOf(0x0a);
  const body = bytes.slice(cut + 1);
  if (cut < 0 || new TextDecoder().decode(bytes.subarray(0, cut)) !== (await digestOf(body))) return undefined;
  return parseStrictJson(body, "A sealed record");
}

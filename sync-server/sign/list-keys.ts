import type { WithSignal } from "../ports.ts";
import { placeOf, readExisting, type SessionOptions } from "./session.ts";
import type { SigningKey } from "./signing-key.ts";

export interface ListedKey {
  readonly keyid: string;
  /** Whether its private half is in the folder, and can be used without a passphrase or with the one that was given. */
  readonly where: "here" | "locked" | "elsewhere";
  /** Its file in `keys/`. */
  readonly file: string | undefined;
}

export interface ListedRole {
  readonly role: string;
  /** 0 where the role is delegated to and has signed nothing yet. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly expires: number | undefined;
  readonly threshold: number;
  readonly keys: readonly ListedKey[];
}

export interface ListedKeys {
  readonly roles: readonly ListedRole[];
  /** Keys in the folder that sign for no role. */
  readonly unused: readonly ListedKey[];
}

/** Who signs what, and which of the keys are in this folder. @throws STORE_CORRUPT, STORE_FAILED, CANCELLED */
export async function listKeys(options: SessionOptions, { signal }: WithSignal = {}): Promise<ListedKeys> {
  signal?.throwIfAborted();
  const place = placeOf(options);
  const { root, snapshot, timestamp, roles } = await readExisting(place);
  const keys = await place.keyFolder.read();
  const listed = (keyid: string): ListedKey => placed(keyid, keys.find((key) => key.keyid === keyid));
  const all = [
    { role: "root", signed: root.signed, signers: root.signed.roles.root },
    ...[...roles].map(([role, { metadata, signers }]) => ({ role, signed: metadata?.signed, signers })),
    { role: "snapshot", signed: snapshot.signed, signers: root.signed.roles.snapshot },
    { role: "timestamp", signed: timestamp.signed, signers: root.signed.roles.timestamp },
  ];
  const used = new Set(all.flatMap(({ signers }) => signers.keyids));
  return {
    roles: all.map(({ role, signed, signers }) => ({ role, version: signed?.version ?? 0, expires: signed?.expires, threshold: signers.threshold, keys: signers.keyids.map(listed) })),
    unused: keys.filter(({ keyid }) => !used.has(keyid)).map((key) => placed(key.keyid, key)),
  };
}

function placed(keyid: string, key: SigningKey | undefined): ListedKey {
  return { keyid, where: key === undefined ? "elsewhere" : key.locked ? "locked" : "here", file: key?.file };
}

import { AshoreError } from "../../protocol/errors.ts";

export interface InitKeysResult {
  /** True where new keys were made; false where all were there already. */
  readonly created: boolean;
  /** SHA-256 key ids by role. */
  readonly keyids: Readonly<Record<string, string>>;
}

/** Makes the keys that are missing in `dataDir/keys/`, ECDSA P-256, files of mode 0600, named as for development. Never once metadata was signed. */
export async function initKeys(dataDir: string): Promise<InitKeysResult> {
  throw new AshoreError("UNIMPLEMENTED", `Keys for ${dataDir} are being built.`);
}

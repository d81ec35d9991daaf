import { join } from "node:path";
import { nodeFiles, type SignerFiles } from "./signer-files.ts";
import { parseKeyFile, type SigningKey, type Unlocked } from "./signing-key.ts";

/** How public halves are named, beside which a folder of keys may lie. */
const PUBLIC_SUFFIX = ".pub.json";

export interface KeyFolderOptions {
  readonly files?: SignerFiles | undefined;
  /** Opens encrypted keys. Default: the environment's ASHORE_KEY_PASSPHRASE. */
  readonly passphrase?: string | undefined;
}

export interface KeyFolder {
  /** Every key in the folder, read anew each time: others may add keys and take them away. @throws STORE_CORRUPT */
  read(): Promise<readonly SigningKey[]>;
}

/** A folder of key files, `*.json`. */
export function openKeyFolder(folder: string, { files = nodeFiles, passphrase = passphraseOfEnvironment() }: KeyFolderOptions = {}): KeyFolder {
  const unlocked: Unlocked = new Map();
  return {
    async read() {
      const keys: SigningKey[] = [];
      for (const name of [...(await files.list(folder))].sort()) {
        if (!name.endsWith(".json") || name.endsWith(PUBLIC_SUFFIX) || name.startsWith(".")) continue;
        const bytes = await files.read(join(folder, name));
        if (bytes !== undefined) keys.push(await parseKeyFile(bytes, join(folder, name), passphrase, unlocked));
      }
      return keys;
    },
  };
}

function passphraseOfEnvironment(): string | undefined {
  const passphrase = process.env["ASHORE_KEY_PASSPHRASE"];
  return passphrase === "" ? undefined : passphrase;
}

import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { nodeFiles, type SignerFiles } from "./signer-files.ts";
import { parseKeyFile, type SigningKey, type Unlocked } from "./signing-key.ts";

/** How public halves are named, beside which a folder of keys may lie. */
export const PUBLIC_SUFFIX = ".pub.json";

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

/** One key file, anywhere. @throws KEY_MISSING where there is none, STORE_CORRUPT */
export async function readKeyFile(path: string, { files = nodeFiles, passphrase = passphraseOfEnvironment() }: KeyFolderOptions = {}): Promise<SigningKey> {
  const bytes = await files.read(path);
  if (bytes === undefined) throw new AshoreError("KEY_MISSING", `There is no key file ${path}.`);
  return parseKeyFile(bytes, path, passphrase, new Map());
}

export function passphraseOfEnvironment(): string | undefined {
  const passphrase = process.env["ASHORE_KEY_PASSPHRASE"];
  return passphrase === "" ? undefined : passphrase;
}

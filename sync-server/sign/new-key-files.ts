import { dirname } from "node:path";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { passphraseOfEnvironment, PUBLIC_SUFFIX } from "./key-folder.ts";
import { printPublicKey } from "./public-key-file.ts";
import { nodeFiles, replaceFile, type SignerFiles } from "./signer-files.ts";
import { newKey } from "./signing-key.ts";

export interface NewKeyFilesOptions {
  readonly files?: SignerFiles | undefined;
  /** Encrypts the private half. Default false. */
  readonly encrypt?: boolean | undefined;
  /** Default: the environment's ASHORE_KEY_PASSPHRASE. */
  readonly passphrase?: string | undefined;
}

/**
 * A key pair apart from any repository, for who signs somewhere else: `NAME.json`, for its owner alone, and `NAME.pub.json`,
 * to be handed on.
 * @throws ALREADY_EXISTS, USAGE, STORE_FAILED
 */
export async function newKeyFiles(path: string, { files = nodeFiles, encrypt = false, passphrase = passphraseOfEnvironment() }: NewKeyFilesOptions = {}): Promise<{ readonly keyid: string; readonly publicPath: string }> {
  const publicPath = path.replace(/(\.json)?$/, PUBLIC_SUFFIX);
  try {
    for (const file of [path, publicPath]) if ((await files.read(file)) !== undefined) throw new AshoreError("ALREADY_EXISTS", `${file} is there already, and a key that is written over is lost. Choose another name.`);
    const { key, bytes } = await newKey({ passphrase: encrypt ? (passphrase ?? "") : undefined });
    await files.makeFolder(dirname(path), 0o700);
    await replaceFile(files, path, bytes, 0o600);
    await replaceFile(files, publicPath, printPublicKey(key), 0o644);
    return { keyid: key.keyid, publicPath };
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }
}

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option } from "commander";
import { AshoreError } from "../protocol/errors.ts";
import type { Io } from "./io.ts";

export const passphraseOption = (): Option => new Option("--passphrase-file <file>", "the passphrase of encrypted keys (default: the environment's ASHORE_KEY_PASSPHRASE)");

/** What the file of `--passphrase-file` says, without the line's end; undefined where there is no such flag. @throws CONFIG_INVALID */
export async function readPassphrase(io: Io, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const text = await readFile(resolve(io.cwd, file), { encoding: "utf8", signal: io.signal });
    const passphrase = text.replace(/\r?\n$/, "");
    if (passphrase === "") throw new Error("it is empty");
    return passphrase;
  } catch (cause) {
    throw new AshoreError("CONFIG_INVALID", `--passphrase-file ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The passphrase that new keys are encrypted with. @throws USAGE where there is none */
export function passphraseToEncrypt(passphrase: string | undefined): string {
  const found = passphrase ?? process.env["ASHORE_KEY_PASSPHRASE"];
  if (found !== undefined && found !== "") return found;
  throw new AshoreError("USAGE", "--encrypt needs a passphrase: set ASHORE_KEY_PASSPHRASE, or name a file by --passphrase-file.");
}

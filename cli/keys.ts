import { resolve } from "node:path";
import { Command } from "commander";
import { initKeys } from "../sync-server/sign/index.ts";
import type { Io } from "./io.ts";
import { printJson, printLine, printTable } from "./print.ts";

/** `ashore keys init`: the keys of a data folder. */
export function keysCommand(io: Io): Command {
  const keys = new Command("keys").description("Manage signing keys.");
  keys
    .command("init")
    .description("Make the keys that are missing: ECDSA P-256, readable by their owner alone, for development.")
    .option("--data <folder>", "keys, metadata and blobs", ".ashore")
    .option("--json", "print JSON")
    .action(async ({ data, json }: { readonly data: string; readonly json?: boolean }) => {
      const folder = resolve(io.cwd, data);
      const { created, keyids } = await initKeys(folder);
      if (json === true) return printJson(io, { created, keyids });
      printLine(io, created ? `Made new keys in ${folder}/keys. They are for development: move root and targets keys offline before devices depend on them.` : `The keys in ${folder}/keys are complete.`);
      printTable(io, Object.entries(keyids));
    });
  return keys;
}

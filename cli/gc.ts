import { resolve } from "node:path";
import { Command } from "commander";
import { collectGarbage, createFolderStorage } from "../sync-server/storage/index.ts";
import { systemClock } from "../sync-server/system-clock.ts";
import type { Io } from "./io.ts";
import { bytesText, printJson, printLine } from "./print.ts";

interface GcFlags {
  readonly data: string;
  readonly dry_run?: boolean;
  readonly json?: boolean;
}

/** `ashore gc`: remove what no published metadata names any more. */
export function gcCommand(io: Io): Command {
  return new Command("gc")
    .description("Remove metadata, targets and blobs that nothing published names, nor named within the last 24 hours. Every root stays. Safe beside a running server.")
    .requiredOption("--data <folder>", "keys, metadata and blobs")
    .option("--dry_run", "say what would go, and remove nothing")
    .option("--json", "print JSON")
    .action(async ({ data, dry_run: dryRun = false, json = false }: GcFlags) => {
      const { removed, bytes } = await collectGarbage(createFolderStorage(resolve(io.cwd, data)), { now: systemClock.now(), dryRun, signal: io.signal });
      if (json) return printJson(io, { dryRun, bytes, removed: removed.map(({ path, size }) => ({ path, size })) });
      for (const { path, size } of removed) printLine(io, `${path}  ${bytesText(size)}`);
      printLine(io, `${dryRun ? "would remove" : "removed"} ${removed.length} ${removed.length === 1 ? "file" : "files"}, ${bytesText(bytes)}`);
    });
}

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { AshoreError, asAshoreError } from "../protocol/errors.ts";
import { parseStrictJson } from "../protocol/strict-json.ts";
import type { Journal, JournalStore, Ports, WithSignal } from "../runtime/ports.ts";
import { parseJournal } from "../runtime/store/index.ts";
import { isMissing, openFolder, removeDurably, storeError, writeDurably } from "./durable-write.ts";

/** `written` counts writes, so that of two copies the later one is known; `sha256` is over the journal's JSON. */
const copySchema = v.object({ written: v.pipe(v.number(), v.safeInteger(), v.minValue(0)), sha256: v.string(), journal: v.string() });

interface Copy {
  readonly written: number;
  readonly journal: Journal;
}

/**
 * The journal as `journal.json`, and a copy of it as `journal.copy.json`, each with a checksum: damage to one loses nothing, is
 * reported (STORE_CORRUPT), and repaired.
 * @throws STORE_FULL, STORE_FAILED
 */
export async function openFileJournalStore(folder: string, { report }: { readonly report: Ports["report"] }): Promise<JournalStore> {
  await openFolder(folder);
  const path = join(folder, "journal.json");
  const copyPath = join(folder, "journal.copy.json");
  let written = 0;

  async function write(journal: Journal, options?: WithSignal): Promise<void> {
    const text = JSON.stringify(journal);
    const bytes = new TextEncoder().encode(`${JSON.stringify({ written: written + 1, sha256: sha256(text), journal: text })}\n`);
    await writeDurably(path, bytes, options);
    written++;
    // The write has happened. A copy that is behind would bring old state back one day, so it is better gone.
    await writeDurably(copyPath, bytes).catch(() => removeDurably(copyPath));
  }

  return {
    read: async ({ signal } = {}) => {
      const copies = [await readCopy(path, signal), await readCopy(copyPath, signal)];
      const faults = copies.filter((copy) => copy instanceof AshoreError);
      // A later Ashore's journal counts even where the other copy is ours: that one is older.
      const newer = faults.find(({ code }) => code === "STORE_NEWER");
      if (newer !== undefined) throw newer;
      const [latest] = copies.filter((copy): copy is Copy => copy !== undefined && !(copy instanceof AshoreError)).sort((a, b) => b.written - a.written);
      if (latest === undefined) {
        if (faults[0] !== undefined) throw faults[0];
        return undefined;
      }
      written = latest.written;
      // Twice again from here on, whatever a power cut or a worn disk left.
      for (const error of faults) report({ type: "problem", error });
      if (copies.some((copy) => copy === undefined || copy instanceof AshoreError || copy.written < written)) await write(latest.journal).catch((error: unknown) => report({ type: "problem", error: asAshoreError(error, "STORE_FAILED") }));
      return latest.journal;
    },
    write,
  };
}

/** One copy; undefined where there is none, an error as a value where it cannot be used. */
async function readCopy(path: string, signal: AbortSignal | undefined): Promise<Copy | AshoreError | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path, { signal });
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw storeError(thrown, `read ${path}`);
  }
  try {
    const { written, sha256: expected, journal } = v.parse(copySchema, parseStrictJson(bytes, path));
    if (sha256(journal) !== expected) throw new AshoreError("STORE_CORRUPT", `${path} does not have the checksum that it was written with.`);
    return { written, journal: parseJournal(JSON.parse(journal), path) };
  } catch (thrown) {
    const error = asAshoreError(thrown, "STORE_CORRUPT");
    if (error.code === "STORE_NEWER") return error;
    return new AshoreError("STORE_CORRUPT", `${path} is damaged: ${error.message}`, { cause: thrown });
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Fingerprint } from "./plan.ts";

/** The names in a base path. @throws NOT_FOUND where it cannot be read */
export async function namesIn(basePath: string): Promise<string[]> {
  try {
    return await readdir(basePath);
  } catch (cause) {
    throw new AshoreError("NOT_FOUND", `The model repository ${basePath} cannot be read (${cause instanceof Error ? cause.message : String(cause)}). What was published of it goes on being served.`, { cause });
  }
}

/** How a version's folder looks: every file's path, size and times; a file that goes meanwhile counts as not there. */
export async function lookAt(folder: string): Promise<Fingerprint> {
  const lines: string[] = [];
  let newest = 0;
  const visit = async (path: string, depth: number): Promise<void> => {
    const entry = await stat(join(folder, path), { bigint: true }).catch(() => undefined);
    if (entry === undefined) return;
    if (entry.isDirectory() && depth < LIMITS.repositoryDepth) {
      const names = await readdir(join(folder, path)).catch((): string[] => []);
      for (const name of names.sort()) await visit(join(path, name), depth + 1);
      return;
    }
    lines.push(`${path} ${entry.size} ${entry.mtimeNs} ${entry.ctimeNs} ${entry.ino}`);
    newest = Math.max(newest, Number(entry.mtimeMs), Number(entry.ctimeMs));
  };
  await visit("", 0);
  return { text: lines.join("\n"), newest };
}

import { readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { lock as acquire, type LockOptions } from "proper-lockfile";
import * as v from "valibot";
import { AshoreError } from "../protocol/errors.ts";
import { openFolder, removeDurably, storeError, writeDurably } from "./durable-write.ts";

/** A lock whose holder shows no sign of life for this long is free, wherever the holder ran. */
const STALE_MS = 10_000;
/** The moment in which a lock changes hands is itself under a lock, which a dead holder frees after this long. */
const HANDOVER_STALE_MS = 2_000;

export interface FolderLock {
  release(): Promise<void>;
}

export interface LockFolderOptions {
  /** The lock was taken from us (this process was stopped for long, or somebody removed it): nothing may be written any more. */
  readonly onLost: (error: AshoreError) => void;
}

const ownerSchema = v.object({ pid: v.number(), started: v.string(), host: v.string() });

/**
 * Takes a data folder for this process alone: `<folder>/lock`, kept fresh while the process lives. A holder that was killed is
 * known by its process id and start time on the same machine, at once, and elsewhere by {@link STALE_MS} of silence.
 * @throws STORE_LOCKED naming the process that holds it; STORE_FAILED
 */
export async function lockFolder(folder: string, { onLost }: LockFolderOptions): Promise<FolderLock> {
  await openFolder(folder);
  const ownerPath = join(folder, "lock.owner.json");
  const lockPath = join(folder, "lock");
  // Held for some milliseconds; should it be lost all the same, the lock itself still decides.
  const handover = await take(join(folder, "lock.handover"), { stale: HANDOVER_STALE_MS, retries: { retries: 40, minTimeout: 50, maxTimeout: 100 }, onCompromised: () => undefined }).catch((thrown: unknown) => {
    throw storeError(thrown, `lock ${folder}`);
  });
  try {
    const owner = await readOwner(ownerPath);
    if (owner !== undefined && (await isDead(owner))) await rm(lockPath, { recursive: true, force: true });
    const compromised = (cause: Error): void => onLost(new AshoreError("STORE_LOCKED", `The lock of ${folder} was lost: ${cause.message}. This process was stopped for more than ${STALE_MS / 1000} s, or the lock was removed.`, { cause }));
    const release = await take(lockPath, { stale: STALE_MS, onCompromised: compromised });
    await writeDurably(ownerPath, new TextEncoder().encode(JSON.stringify({ pid: process.pid, started: await startOf(process.pid), host: hostname() })));
    return {
      release: async () => {
        await removeDurably(ownerPath);
        await release();
      },
    };
  } catch (thrown) {
    if (!isLocked(thrown)) throw storeError(thrown, `lock ${folder}`);
    const owner = await readOwner(ownerPath);
    const who = owner === undefined ? "Another process" : `Process ${owner.pid} on ${owner.host}`;
    throw new AshoreError("STORE_LOCKED", `${who} works in ${folder}; one edge at a time can. Stop it, or give this one another --data folder.`, { cause: thrown });
  } finally {
    await handover();
  }
}

/** The library keeps one lock for each first argument, so that this is the lock's own path. */
async function take(path: string, options: LockOptions): Promise<() => Promise<void>> {
  return acquire(path, { realpath: false, lockfilePath: path, ...options });
}

async function readOwner(path: string): Promise<v.InferOutput<typeof ownerSchema> | undefined> {
  try {
    return v.parse(ownerSchema, JSON.parse(await readFile(path, "utf8")));
  } catch {
    // None, or damaged: then only silence frees the lock.
    return undefined;
  }
}

async function isDead({ pid, started, host }: v.InferOutput<typeof ownerSchema>): Promise<boolean> {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown && thrown.code === "ESRCH";
  }
  // The number may have gone to another process since; where the system does not tell, it has not.
  const now = await startOf(pid);
  return now !== "" && now !== started;
}

/** When a process started, in a form that only equality is asked of; empty where the system does not tell. */
async function startOf(pid: number): Promise<string> {
  if (process.platform !== "linux") return "";
  try {
    const [boot, stat] = await Promise.all([readFile("/proc/sys/kernel/random/boot_id", "utf8"), readFile(`/proc/${pid}/stat`, "utf8")]);
    // The 22nd field; the second, in parentheses, may hold spaces.
    return `${boot.trim()} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""}`;
  } catch {
    return "";
  }
}

function isLocked(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ELOCKED";
}

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { build } from "vite";
import { lockFolder } from "../../edge/lock.ts";

const onLost = (error: Error): void => expect.fail(error.message);
let scripts: string;
let folder: string;
const children = new Set<ChildProcess>();

/** `edge/lock.ts` as a program: takes the lock of its argument, says so, and holds it until it is ended. */
beforeAll(async () => {
  scripts = await mkdtemp(join(tmpdir(), "ashore-lock-script-"));
  await build({
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true },
    build: { ssr: join(import.meta.dirname, "../../edge/lock.ts"), outDir: scripts, target: "node20", rolldownOptions: { output: { entryFileNames: "lock.mjs" } } },
  });
  await writeFile(
    join(scripts, "holder.mjs"),
    `import { lockFolder } from "./lock.mjs";
     try {
       const lock = await lockFolder(process.argv[2], { onLost: (error) => console.log("lost", error.message) });
       console.log("locked");
       setInterval(() => {}, 1000);
       process.once("SIGTERM", async () => { await lock.release(); process.exit(0); });
     } catch (error) { console.log(error.code, error.message); }`,
  );
});
afterAll(() => rm(scripts, { recursive: true }));
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "ashore-lock-"))));
afterEach(async () => {
  for (const child of children) await end(child, "SIGKILL");
  await rm(folder, { recursive: true });
});

/** Starts a holder, and its first word. */
async function hold(): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const child = spawn(process.execPath, [join(scripts, "holder.mjs"), folder], { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  const [said] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, said };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

describe("one process for a data folder", () => {
  test("a second is told who holds it, in this process and in another", async () => {
    const lock = await lockFolder(folder, { onLost });
    await expect(lockFolder(folder, { onLost })).rejects.toMatchObject({ code: "STORE_LOCKED", message: expect.stringContaining(`Process ${process.pid}`) as string });
    expect((await hold()).said).toMatch(new RegExp(`^STORE_LOCKED Process ${process.pid} on .* works in ${folder}`));
    await lock.release();
    expect((await hold()).said).toBe("locked");
    await expect(lockFolder(folder, { onLost })).rejects.toMatchObject({ code: "STORE_LOCKED" });
  });

  test("a holder that was killed does not keep it, not for a second", async () => {
    for (let round = 0; round < 3; round++) {
      const { child, said } = await hold();
      expect(said).toBe("locked");
      await end(child, "SIGKILL");
      const start = performance.now();
      const lock = await lockFolder(folder, { onLost });
      expect(performance.now() - start).toBeLessThan(1000);
      await lock.release();
    }
  });

  test("a holder that ends gives it back", async () => {
    const { child } = await hold();
    await end(child, "SIGTERM");
    await (await lockFolder(folder, { onLost })).release();
  });

  test("of many who find a dead holder's lock at once, one gets it", async () => {
    const { child } = await hold();
    await end(child, "SIGKILL");
    const inHere = Promise.allSettled(Array.from({ length: 4 }, () => lockFolder(folder, { onLost })));
    const outThere = await Promise.all(Array.from({ length: 3 }, hold));
    const words = [...(await inHere).map(({ status }) => (status === "fulfilled" ? "locked" : "refused")), ...outThere.map(({ said }) => (said === "locked" ? said : "refused"))];
    expect(words.filter((word) => word === "locked")).toEqual(["locked"]);
    for (const outcome of await inHere) if (outcome.status === "fulfilled") await outcome.value.release();
  });
});

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./root.ts";

const CLI = join(ROOT, "dist/cli.js");

/** A command of the built package, running as a user would run it. */
export interface Command {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything that it wrote so far, both streams. */
  output(): string;
  /** Waits for a line that matches; lines that came before count too. */
  line(pattern: RegExp): Promise<string>;
  /** SIGTERM, and its exit status. */
  stop(): Promise<number | null>;
  /** SIGKILL, and the end of the process. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `ashore ARGS` and waits for its line `... serving on URL`. Rejects with its output if it ends before. */
export async function startCommand(args: readonly string[], options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}): Promise<Command> {
  const command = spawnCommand(args, options);
  const line = await command.line(/serving on (https?:\/\/\S+)/);
  return { ...command, url: /serving on (https?:\/\/\S+)/.exec(line)?.[1] ?? "" };
}

/** Starts `ashore ARGS` without waiting for anything. */
export function spawnCommand(args: readonly string[], { cwd, env }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}): Command {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      wake();
    });
  }
  let ended = false;
  const closed = once(child, "close").then(() => {
    ended = true;
    running.delete(child);
    wake();
  });
  const output = (): string => lines.join("\n");
  return {
    url: "",
    process: child,
    output,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined && !ended) return;
          waiting.delete(look);
          if (found === undefined) reject(new Error(`ashore ${args.join(" ")} ended (${child.exitCode ?? child.signalCode}) before it wrote ${pattern}:\n${output()}`));
          else resolve(found);
        };
        waiting.add(look);
        look();
      }),
    stop: async () => {
      child.kill("SIGTERM");
      await closed;
      return child.exitCode;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

/** Runs `ashore ARGS` to its end. */
export async function runCommand(args: readonly string[], options: { readonly cwd?: string } = {}): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: options.cwd, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await once(child, "close");
  running.delete(child);
  return { status: child.exitCode, stdout, stderr };
}

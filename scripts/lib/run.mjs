import { spawn } from "node:child_process";
import { ROOT } from "./sources.mjs";

/**
 * Runs a program in the repository's root, its output shown as it comes. Resolves with its exit status (128 + n for a
 * signal would be a shell's view; a killed program is 1 here).
 */
export function run(command, args, { env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** Runs a program in the repository's root and keeps what it says: `{ status, output, stdout }`. */
export function capture(command, args, { env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ status: code ?? 1, output, stdout }));
  });
}

/** Ends this process with status 1 unless dist/ is fresh afterwards. */
export async function ensureBuilt() {
  const status = await run(process.execPath, ["scripts/build.mjs", "--if-stale"]);
  if (status !== 0) process.exit(1);
}

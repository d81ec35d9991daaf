import { runCli } from "../../../cli/program.ts";

export interface Run {
  readonly status: Promise<number>;
  /** Everything on standard output so far. */
  out(): string;
  /** Everything on standard error so far. */
  err(): string;
  /** The URL of the line that a server prints when it can answer; rejects when it ends before. */
  readonly url: Promise<string>;
  /** What a SIGTERM does. */
  stop(): Promise<number>;
}

/** One command line, run in this process. */
export function start(cwd: string, ...argv: readonly string[]): Run {
  const ending = new AbortController();
  let out = "";
  const err: string[] = [];
  let told: (url: string) => void = () => undefined;
  const printed = new Promise<string>((resolve) => (told = resolve));
  const io = {
    cwd,
    signal: ending.signal,
    out: (text: string): void => {
      out += text;
      const url = /serving on (https?:\S+)/.exec(out)?.[1];
      if (url !== undefined) told(url);
    },
    err: (line: string): void => void err.push(line),
  };
  const status = runCli(argv, { io, version: "0.0.0-test" });
  const ended = status.then((code) => Promise.reject(new Error(`ended with ${code}: ${err.join("\n")}`)));
  ended.catch(() => undefined);
  const url = Promise.race([printed, ended]);
  url.catch(() => undefined);
  return {
    status,
    url,
    out: () => out,
    err: () => err.join("\n"),
    stop: () => {
      ending.abort(new DOMException("SIGTERM was received.", "AbortError"));
      return status;
    },
  };
}

export async function run(cwd: string, ...argv: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  const command = start(cwd, ...argv);
  return { status: await command.status, out: command.out(), err: command.err() };
}

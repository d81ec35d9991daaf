/** All that a command touches of the process that it runs in. */
export interface Io {
  /** One piece of the command's result. */
  out(text: string): void;
  /** One line about the work itself: progress, notes, errors. */
  err(line: string): void;
  /** Aborted when the process is asked to end (SIGTERM, SIGINT). */
  readonly signal: AbortSignal;
  /** The folder that relative paths start from. */
  readonly cwd: string;
}

/** The process's own. */
export function processIo(): Io {
  const ending = new AbortController();
  // Once: a second signal ends the process at once, as if there were no handler.
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => ending.abort(new DOMException(`${name} was received.`, "AbortError")));
  // Who reads may leave (`| head`): a command ends as it would have, and a server goes on.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  return {
    out: (text) => void process.stdout.write(text),
    err: (line) => void process.stderr.write(`${line}\n`),
    signal: ending.signal,
    cwd: process.cwd(),
  };
}

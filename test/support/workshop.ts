import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRestClient, until } from "./rest-client.ts";
import { startCommand, type Command } from "./processes.ts";

/** A folder of its own for one test, with the commands that run in it; all of it goes when the test ends. */
export interface Workshop {
  readonly folder: string;
  path(...parts: string[]): string;
  /** Puts a finished version folder in place in one rename, as a careful publisher does. */
  drop(model: string, version: number, write: (folder: string) => Promise<void>): Promise<void>;
  /** Writes a file of the workshop; its path. */
  write(name: string, text: string): Promise<string>;
  serve(...args: string[]): Promise<Command>;
  edge(server: string, ...args: string[]): Promise<Command>;
  close(): Promise<void>;
}

export async function openWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), "ashore-test-"));
  const commands: Command[] = [];
  const start = async (args: readonly string[]): Promise<Command> => {
    const command = await startCommand(args, { cwd: folder });
    commands.push(command);
    return command;
  };
  const path = (...parts: string[]): string => join(folder, ...parts);
  return {
    folder,
    path,
    drop: async (model, version, write) => {
      const staged = await mkdtemp(path("staged-"));
      await write(join(staged, "it"));
      await mkdir(path("models", model), { recursive: true });
      await rename(join(staged, "it"), path("models", model, String(version)));
      await rm(staged, { recursive: true });
    },
    write: async (name, text) => {
      await writeFile(path(name), text);
      return path(name);
    },
    serve: (...args) => start(["serve", "--port", "0", "--data", path("server"), ...args]),
    edge: (server, ...args) => start(["edge", "--server", server, "--rest_api_port", "0", "--data", path("edge"), "--poll_wait_seconds", "1", ...args]),
    close: async () => {
      await Promise.all(commands.map((command) => command.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const LINEAR_BODY = '{"instances":[1,2,3]}';

/** The numbers that y = a x + b answers for {@link LINEAR_BODY}. */
export const linearAnswer = (a: number, b: number): number[] => [a + b, 2 * a + b, 3 * a + b];

/** Waits until a model answers with that version. */
export async function answersWith(url: string, model: string, version: number, body = LINEAR_BODY): Promise<void> {
  const client = createRestClient(url);
  try {
    await until(
      () => client.post(`/v1/models/${model}:predict`, body),
      (answer) => answer.status === 200 && answer.headers["x-ashore-model-version"] === String(version),
    );
  } finally {
    client.close();
  }
}

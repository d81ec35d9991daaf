import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { startEdge } from "../edge/index.ts";
import { AshoreError } from "../protocol/errors.ts";
import { modelName } from "../protocol/names.ts";
import { ANSWER_SETTINGS, readAnswerConfig, warmUpOptions, type Flags } from "../sync-server/config/index.ts";
import type { Io } from "./io.ts";
import { createLog, type LogFormat } from "./log.ts";
import { printLine } from "./print.ts";
import { addSettingOptions } from "./setting-options.ts";

interface EdgeFlags {
  readonly server: string;
  readonly root?: string;
  readonly data: string;
  readonly models?: string;
  readonly host: string;
  readonly rest_api_port: string;
  readonly poll_wait_seconds?: string;
  readonly log_format: LogFormat;
}

/** `ashore edge`: the runtime in Node, for a box beside the machines that ask. */
export function edgeCommand(io: Io): Command {
  const command = new Command("edge")
    .description("Hold a server's models on this machine, and answer TensorFlow Serving's REST API from them, with or without the server.")
    .requiredOption("--server <url>", "the sync server")
    .requiredOption("--data <folder>", "where this device keeps what it holds")
    .option("--root <file>", "the root metadata to trust; without it the server's first root is pinned, and its digest printed")
    .option("--models <names>", "the models to hold, separated by commas (default: all that the server lists)")
    .option("--rest_api_port <port>", "the HTTP port; 0 picks a free one", "8501")
    .option("--host <address>", "the address to listen at", "127.0.0.1")
    .option("--poll_wait_seconds <seconds>", "seconds between two looks for news (default: what the server says)")
    .addOption(new Option("--log_format <format>", "how to log to standard error").choices(["human", "json"]).default("human"));
  return addSettingOptions(command, ANSWER_SETTINGS)
    .action(async (flags: EdgeFlags & Flags) => {
      const lost = new AbortController();
      const log = createLog(io, flags.log_format);
      const { config, notes } = await readAnswerConfig(flags, io.cwd, { signal: io.signal });
      for (const note of notes) log.info({}, note);
      const edge = await startEdge(
        {
          server: urlFlag("server", flags.server),
          dataDir: resolve(io.cwd, flags.data),
          root: flags.root === undefined ? undefined : await readRoot(io, flags.root),
          models: flags.models === undefined ? "all" : flags.models.split(",").map((name) => modelName(name.trim())),
          host: flags.host,
          port: numberFlag("rest_api_port", flags.rest_api_port, { least: 0, most: 65_535 }),
          pollSeconds: flags.poll_wait_seconds === undefined ? undefined : numberFlag("poll_wait_seconds", flags.poll_wait_seconds, { least: 0.1, most: 7 * 86_400 }),
          timeoutMs: config.timeoutMs,
          cors: config.cors,
          dialect: config.dialect,
          metricsPath: config.metricsPath,
          batching: config.batching,
          ...warmUpOptions(config.warmup),
          log,
          onLost: (error) => lost.abort(error),
        },
        { signal: io.signal },
      );
      printLine(io, `ashore edge: serving on ${edge.url}`);
      await ended(AbortSignal.any([io.signal, lost.signal]));
      await edge.close();
      lost.signal.throwIfAborted();
    });
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Root metadata from a file. @throws CONFIG_INVALID */
export async function readRoot(io: Io, file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(resolve(io.cwd, file), { signal: io.signal }));
  } catch (cause) {
    throw new AshoreError("CONFIG_INVALID", `--root ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** @throws USAGE */
export function urlFlag(name: string, text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, "");
  throw new AshoreError("USAGE", `${name} ${text} is not a URL: write it as http://HOST:PORT or https://HOST.`);
}

function numberFlag(name: string, text: string, { least, most }: { readonly least: number; readonly most: number }): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new AshoreError("USAGE", `--${name} ${text} is not a number from ${least} to ${most}.`);
}

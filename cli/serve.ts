import { Command, Option } from "commander";
import { COMMAND_LINE_SETTINGS, FLAGS_WITHOUT_EFFECT, readConfig, SETTINGS, type Flags } from "../sync-server/config/index.ts";
import { startServer } from "../sync-server/node.ts";
import type { Io } from "./io.ts";
import { createLog, type LogFormat } from "./log.ts";
import { printLine } from "./print.ts";
import { addHiddenOptions, addSettingOptions } from "./setting-options.ts";

/** `ashore serve`: watch, publish, sign, and answer. */
export function serveCommand(io: Io): Command {
  const command = new Command("serve")
    .description("Watch model repositories, publish what is dropped there, and answer TensorFlow Serving's REST API. Takes TensorFlow Serving's own flags.");
  addSettingOptions(command, { ...COMMAND_LINE_SETTINGS, ...SETTINGS });
  addHiddenOptions(command, Object.keys(FLAGS_WITHOUT_EFFECT));
  return command
    .option("--no-inference", "publish only; devices answer")
    .addOption(new Option("--log_format <format>", "how to log to standard error").choices(["human", "json"]).default("human"))
    .action(async ({ log_format, ...flags }: Flags & { readonly log_format: LogFormat }) => {
      const { config, notes } = await readConfig(flags, io.cwd, { signal: io.signal });
      const log = createLog(io, log_format);
      for (const note of notes) log.info({}, note);
      const server = await startServer(config, { log, signal: io.signal });
      printLine(io, `ashore: serving on ${server.url}`);
      await server.closed;
    });
}

import { Command, Option } from "commander";
import { FLAGS_WITHOUT_EFFECT, readConfig, type Flags } from "../sync-server/config/index.ts";
import { startServer } from "../sync-server/node.ts";
import type { Io } from "./io.ts";
import { createLog, type LogFormat } from "./log.ts";
import { printLine } from "./print.ts";

/** `ashore serve`: watch, publish, sign, and answer. */
export function serveCommand(io: Io): Command {
  const command = new Command("serve")
    .description("Watch model repositories, publish what is dropped there, and answer TensorFlow Serving's REST API. Takes TensorFlow Serving's own flags.")
    .option("--config <file>", "a YAML file: model, base_path, port, or models as a list")
    .option("--model_name <name>", "the name of the model (default: default)")
    .option("--model_base_path <folder>", "the model repository: FOLDER/1, FOLDER/2, ...")
    .option("--model_config_file <file>", "TensorFlow Serving's list of models, as text proto")
    .option("--rest_api_port <port>", "the HTTP port; 0 picks a free one (default: 8501)")
    .option("--port <port>", "the HTTP port too, where --rest_api_port is not given")
    .option("--host <address>", "the address to listen at (default: 127.0.0.1)")
    .option("--data <folder>", "keys, metadata and blobs (default: .ashore)")
    .option("--file_system_poll_wait_seconds <seconds>", "seconds between two looks at the repositories; 0 looks once (default: 1)")
    .option("--saved_model_tags <tags>", "tags of the MetaGraphDef, separated by commas (default: serve)")
    .option("--no-inference", "publish only; devices answer")
    .option("--ssl_cert <file>", "certificate chain, PEM; with --ssl_key serves HTTPS")
    .option("--ssl_key <file>", "private key, PEM")
    .addOption(new Option("--log_format <format>", "how to log to standard error").choices(["human", "json"]).default("human"));
  for (const name of Object.keys(FLAGS_WITHOUT_EFFECT)) command.addOption(new Option(`--${name} [value]`).hideHelp());
  return command.action(async ({ log_format, ...flags }: Flags & { readonly log_format: LogFormat }) => {
    const { config, notes } = await readConfig(flags, io.cwd, { signal: io.signal });
    const log = createLog(io, log_format);
    for (const note of notes) log.info({}, note);
    const server = await startServer(config, { log, signal: io.signal });
    printLine(io, `ashore: serving on ${server.url}`);
    await server.closed;
  });
}

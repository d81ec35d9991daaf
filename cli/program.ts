import { Command, CommanderError } from "commander";
import { asAshoreError, type ErrorCode } from "../protocol/errors.ts";
import { edgeCommand } from "./edge.ts";
import { gcCommand } from "./gc.ts";
import { inspectCommand } from "./inspect.ts";
import type { Io } from "./io.ts";
import { keysCommand } from "./keys.ts";
import { publishCommand } from "./publish.ts";
import { renewCommand } from "./renew.ts";
import { serveCommand } from "./serve.ts";
import { tokensCommand } from "./tokens.ts";
import { verifyCommand } from "./verify.ts";

/** Faults of the command line itself, rather than of the work: exit status 2. */
const WRONG_USE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["USAGE", "CONFIG_INVALID", "NAME_INVALID", "VERSION_INVALID"]);

export interface Environment {
  readonly io: Io;
  /** The version of the package, for `--version`. */
  readonly version: string;
}

/**
 * Runs one command line.
 * @returns the exit status: 0, 1 where the work failed, 2 for wrong use
 */
export async function runCli(argv: readonly string[], { io, version }: Environment): Promise<number> {
  const program = new Command("ashore")
    .description("TensorFlow Serving for the browser and the edge.")
    .version(version)
    // Its own --version stands before a command's name only: behind it, it is `publish --version N`.
    .enablePositionalOptions()
    .addHelpText("after", "\nExit status: 0 done, 1 failed, 2 wrong use. Each command has its own --help.");
  for (const command of [serveCommand, publishCommand, edgeCommand, inspectCommand, verifyCommand, gcCommand, keysCommand, renewCommand, tokensCommand]) program.addCommand(command(io));
  silenceExits(program, io);
  if (argv.length === 0) {
    io.err(program.helpInformation().trimEnd());
    return 2;
  }
  try {
    await parse(program, argv);
    return 0;
  } catch (thrown) {
    return statusOf(thrown, io);
  }
}

/** Of an unknown `--name=value` the nearest name is sought without the value. */
async function parse(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (thrown) {
    const isUnknown = (arg: string): boolean => thrown instanceof CommanderError && thrown.code === "commander.unknownOption" && arg.includes("=") && thrown.message.includes(`'${arg}'`);
    if (!argv.some(isUnknown)) throw thrown;
    await program.parseAsync(argv.map((arg) => (isUnknown(arg) ? arg.slice(0, arg.indexOf("=")) : arg)), { from: "user" });
  }
}

function statusOf(thrown: unknown, io: Io): number {
  if (thrown instanceof CommanderError) {
    // Help and version were printed; they are no faults.
    if (thrown.exitCode === 0) return 0;
    io.err(`ashore: USAGE: ${thrown.message.replace(/^error: /, "").replaceAll("\n", " ")}`);
    return 2;
  }
  const error = asAshoreError(thrown);
  // Who asked for the end got it.
  if (error.code === "CANCELLED" && io.signal.aborted) return 0;
  io.err(`ashore: ${error.code}: ${error.message.replaceAll("\n", " ")}`);
  return WRONG_USE.has(error.code) ? 2 : 1;
}

function silenceExits(command: Command, io: Io): void {
  command.exitOverride().configureOutput({ writeOut: io.out, writeErr: () => undefined, outputError: () => undefined });
  for (const inner of command.commands) silenceExits(inner, io);
}


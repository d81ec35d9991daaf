import { Option, type Command } from "commander";
import type { Setting } from "../sync-server/config/index.ts";

/** Gives a command an option for each setting, in order. */
export function addSettingOptions(command: Command, settings: Readonly<Record<string, Setting>>): Command {
  for (const [name, { argument, help }] of Object.entries(settings)) command.option(`--${name} ${argument}`, help);
  return command;
}

/** Options that are taken and not shown. */
export function addHiddenOptions(command: Command, names: readonly string[]): Command {
  for (const name of names) command.addOption(new Option(`--${name} [value]`).hideHelp());
  return command;
}

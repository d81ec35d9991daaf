import pino from "pino";
import type { Log } from "../edge/index.ts";
import type { Io } from "./io.ts";

export type LogFormat = "human" | "json";

/** A log on standard error: one line an event, for people, or as JSON for machines. */
export function createLog(io: Io, format: LogFormat): Log {
  const write = format === "json" ? (line: string): void => io.err(line.trimEnd()) : (line: string): void => io.err(humanLine(JSON.parse(line) as Record<string, unknown>));
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } }, { write });
}

function humanLine({ level, time, msg, ...fields }: Record<string, unknown>): string {
  const clock = String(time).slice(11, 19);
  const text = String(msg);
  const details = Object.entries(fields)
    .map(([name, value]) => ({ name, value: typeof value === "string" ? value : JSON.stringify(value) }))
    .filter(({ value }) => !text.includes(value))
    .map(({ name, value }) => `${name}=${value}`);
  return [clock, level === "info" ? "" : String(level).toUpperCase(), text, details.join(" ")].filter((part) => part !== "").join("  ");
}

import type { Io } from "./io.ts";

/** Data for a program: one JSON document. */
export function printJson(io: Io, data: unknown): void {
  io.out(`${JSON.stringify(data, null, 2)}\n`);
}

export function printLine(io: Io, line = ""): void {
  io.out(`${line}\n`);
}

/** Rows as aligned columns. */
export function printTable(io: Io, rows: readonly (readonly string[])[], indent = "  "): void {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, column) => Math.max(all[column] ?? 0, cell.length)), []);
  for (const row of rows) printLine(io, `${indent}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}

/** A size for people: `4.0 MiB`. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? "B"}`;
}

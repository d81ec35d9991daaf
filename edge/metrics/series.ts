import { formatG } from "../../protocol/rest/format-g.ts";

/** A number for each combination of label values that only grows (TensorFlow's `monitoring::Counter`). */
export interface Counter {
  /** @param labels the values of its labels, in their order */
  add(labels: readonly string[], by?: number): void;
}

/** How values are spread, for each combination of label values (TensorFlow's `monitoring::Sampler`). */
export interface Sampler {
  add(labels: readonly string[], value: number): void;
}

/** Values are kept apart by their labels joined with what no label has. */
const SEPARATOR = "\u0000";

/**
 * Metrics in the text of TensorFlow Serving's exporter (`util/prometheus_exporter.cc`): a `# TYPE` line each and no help, braces
 * also without labels, bounds as `%g`. An observation costs a look into a map: requests make several each.
 */
export class Series {
  readonly #lines: (() => string)[] = [];

  /** @param name TensorFlow's path; a character that Prometheus does not take becomes `:` */
  counter(name: string, labelNames: readonly string[]): Counter {
    const counts = new Map<string, number>();
    const printed = printedName(name);
    this.#lines.push(() => block(printed, "counter", [...counts].map(([key, count]) => `${printed}{${labelsOf(labelNames, key)}} ${count}\n`)));
    return {
      add: (labels, by = 1) => {
        const key = labels.join(SEPARATOR);
        counts.set(key, (counts.get(key) ?? 0) + by);
      },
    };
  }

  /** @param bounds of the buckets, ascending; one without a bound comes on top */
  sampler(name: string, labelNames: readonly string[], bounds: readonly number[]): Sampler {
    const samples = new Map<string, { sum: number; readonly buckets: number[] }>();
    const printed = printedName(name);
    const limits = [...bounds.map((bound) => formatG(bound, 6)), "+Inf"];
    this.#lines.push(() =>
      block(
        printed,
        "histogram",
        [...samples].map(([key, { sum, buckets }]) => {
          const labels = labelsOf(labelNames, key);
          let count = 0;
          const rows = limits.map((limit, place) => `${printed}_bucket{${labels}${labels === "" ? "" : ","}le="${limit}"} ${(count += buckets[place] ?? 0)}\n`);
          return `${rows.join("")}${printed}_sum{${labels}} ${sum}\n${printed}_count{${labels}} ${count}\n`;
        }),
      ),
    );
    return {
      add: (labels, value) => {
        const key = labels.join(SEPARATOR);
        let sample = samples.get(key);
        if (sample === undefined) samples.set(key, (sample = { sum: 0, buckets: new Array<number>(limits.length).fill(0) }));
        sample.sum += value;
        const place = placeOf(value, bounds);
        sample.buckets[place] = (sample.buckets[place] ?? 0) + 1;
      },
    };
  }

  text(): string {
    return this.#lines.map((line) => line()).join("");
  }
}

/** TensorFlow's `Buckets::Exponential`: scale, scale * growth, ... */
export function exponential(scale: number, growth: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, power) => scale * growth ** power);
}

/** The bucket that a value falls in: the first whose bound is not below it. */
function placeOf(value: number, bounds: readonly number[]): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function block(name: string, type: string, rows: readonly string[]): string {
  return rows.length === 0 ? "" : `# TYPE ${name} ${type}\n${rows.join("")}`;
}

function printedName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, ":");
}

function labelsOf(names: readonly string[], key: string): string {
  const values = key.split(SEPARATOR);
  return names.map((name, place) => `${name}="${(values[place] ?? "").replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`))}"`).join(",");
}

/** The middle value; of an even count, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** The value that `share` of all values do not pass (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** One line of a benchmark: what was measured, the ratio, its goal, and whether the goal was met. */
export function printRatio(what: string, ratio: number, goal: { readonly atLeast: number } | { readonly atMost: number }, detail = ""): void {
  const met = "atLeast" in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
  const wanted = "atLeast" in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
  console.log(`${met ? "ok  " : "MISS"} ${what}: ${ratio.toFixed(2)} (goal ${wanted})${detail === "" ? "" : `  ${detail}`}`);
}

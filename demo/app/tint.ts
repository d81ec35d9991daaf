const TINTS = ["a", "b", "c"] as const;

/** Each version has a colour of its own next to its neighbours', the same wherever it appears. */
export function tintOf(version: number): (typeof TINTS)[number] {
  return TINTS[(version - 1) % TINTS.length] ?? "a";
}

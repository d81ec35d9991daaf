/** What an input of a node names: `node` (its first output), `node:2` (its third) or `^node` (only that it has run). */
export interface Reference {
  readonly node: string;
  readonly output: number;
  readonly isControl: boolean;
}

export function parseReference(reference: string): Reference {
  if (reference.startsWith("^")) return { node: reference.slice(1), output: 0, isControl: true };
  const colon = reference.lastIndexOf(":");
  if (colon < 0) return { node: reference, output: 0, isControl: false };
  return { node: reference.slice(0, colon), output: Number(reference.slice(colon + 1)), isControl: false };
}

export function referTo(node: string, output = 0): string {
  return output === 0 ? node : `${node}:${output}`;
}

/** Inputs without those that only order. */
export function dataInputs(inputs: readonly string[]): string[] {
  return inputs.filter((input) => !input.startsWith("^"));
}

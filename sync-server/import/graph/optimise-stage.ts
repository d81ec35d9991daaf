import type { Body } from "./optimise-body.ts";

/** How often a stage did what. */
export type Tally = ReadonlyMap<string, number>;

/** One step of the optimisation, over the nodes of the graph or of one function. */
export interface Stage {
  readonly name: string;
  readonly run: (body: Body) => Tally;
}

export function count(tally: Map<string, number>, what: string, times = 1): void {
  if (times > 0) tally.set(what, (tally.get(what) ?? 0) + times);
}

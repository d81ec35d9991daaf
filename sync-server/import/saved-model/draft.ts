import type { SignatureDef } from "../../../protocol/manifest.ts";
import type { Graph } from "../graph/graph.ts";
import { reach, type Reached } from "../graph/reach.ts";

/** A SavedModel on its way to a graph model: what every stage of the import changes. */
export interface Draft {
  /** How messages name it: `saved_model.pb in FOLDER`. */
  readonly what: string;
  readonly graph: Graph;
  /** What fills the tables, once they are lifted out of the graph. */
  initializer?: Graph;
  /** The signature defs that can be served, by name, in the order of the file. */
  readonly signatureDefs: Map<string, SignatureDef>;
  /** Why the others cannot, by name. */
  readonly refused: Map<string, Refusal>;
}

export interface Refusal {
  readonly code: "MODEL_UNSUPPORTED_OP" | "MODEL_MALFORMED";
  /** A clause that goes on after the signature def's name: "needs …". */
  readonly why: string;
}

export function refuse({ signatureDefs, refused }: Draft, name: string, why: string, code: Refusal["code"] = "MODEL_UNSUPPORTED_OP"): void {
  signatureDefs.delete(name);
  if (!refused.has(name)) refused.set(name, { code, why });
}

/** The graph's tensors that a signature def feeds. */
export function feedsOf({ inputs, examples }: SignatureDef): string[] {
  return examples === undefined ? Object.values(inputs).map(({ name }) => name) : examples.features.map(({ tensor }) => tensor);
}

/** The graph's tensors that it fetches. */
export function fetchesOf({ outputs }: SignatureDef): string[] {
  return Object.values(outputs).map(({ name }) => name);
}

/** What a signature def computes; what it is fed with is among it, what would make that is not. */
export function reachOf(graph: Graph, def: SignatureDef, control = true): Reached {
  return reach(graph, [...fetchesOf(def), ...feedsOf(def)], { fed: feedsOf(def), control });
}

/** What all signature defs compute, and what else is asked for. */
export function reachAll({ graph, signatureDefs }: Draft, ...more: readonly Reached[]): Reached {
  const all = [...[...signatureDefs.values()].map((def) => reachOf(graph, def)), ...more];
  return { nodes: new Set(all.flatMap(({ nodes }) => [...nodes])), functions: new Set(all.flatMap(({ functions }) => [...functions])) };
}

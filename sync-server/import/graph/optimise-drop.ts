import { nodeOf } from "../graph-nodes.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** Ops that give their first input on as it is. A placeholder that nothing feeds gives its default. */
const GIVES_ON: ReadonlySet<string> = new Set(["Identity", "StopGradient", "Snapshot", "PreventGradient", "PlaceholderWithDefault"]);

/**
 * Ops beside which an Identity stays: what TF.js keeps alive of lists, and which branch of TensorFlow 1's control flow runs, hangs
 * on the very tensors that go in and come out.
 */
const DELICATE = /^(Tensor(List|Array)|(Ref)?(Switch|Merge|Enter|Exit|NextIteration)$|LoopCond$)/;

/** Takes away nodes that change nothing, and those that nothing needs. */
export function dropNodes(body: Body): Tally {
  const tally = new Map<string, number>();
  const unneeded = body.sweep();
  for (const node of [...body.nodes]) {
    if (!GIVES_ON.has(node.op) || !body.isFree(node)) continue;
    const { op } = node;
    if (body.isKept(node) ? giveName(node, body) : passOver(node, body)) count(tally, `dropped ${op}`);
  }
  body.sweep();
  count(tally, "unneeded", unneeded);
  return tally;
}

function passOver(node: GraphNode, body: Body): boolean {
  const [source] = node.inputs;
  if (source === undefined || nodeOf(source) === node.name) return false;
  const readers = [...body.readers(node)];
  if (readers.some((reader) => DELICATE.test(reader.op) || reader.inputs.includes(`^${node.name}`))) return false;
  if (DELICATE.test(body.node(source)?.op ?? "")) return false;
  body.redirect(node.name, source);
  return true;
}

/** A fetched Identity goes where the node before it can have its name. */
function giveName(node: GraphNode, body: Body): boolean {
  const [source = ""] = node.inputs;
  const before = body.node(source);
  if (before === undefined || node.op !== "Identity" || source !== before.name || body.isKept(before) || NAMED.has(before.op) || DELICATE.test(before.op)) return false;
  // Who waits for one of the two means it by its name.
  if ([...body.readers(before), ...body.readers(node)].some(({ inputs }) => inputs.some((input) => input.startsWith("^") && [before.name, node.name].includes(nodeOf(input))))) return false;
  body.takeName(before, node);
  return true;
}

/** Ops that are found by their name, or whose values are not the request's own. */
const NAMED: ReadonlySet<string> = new Set(["Const", "Placeholder", "PlaceholderWithDefault", "HashTable", "HashTableV2"]);

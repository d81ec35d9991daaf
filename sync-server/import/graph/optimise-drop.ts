import { nodeOf } from "../graph-nodes.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { referTo } from "./references.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** Ops that give their inputs on as they are. A placeholder that nothing feeds gives its default. */
const GIVES_ON: ReadonlySet<string> = new Set(["Identity", "StopGradient", "Snapshot", "PreventGradient", "PlaceholderWithDefault", "IdentityN"]);

/**
 * Ops beside which an Identity stays: what TF.js keeps alive of lists, and which branch of TensorFlow 1's control flow runs, hangs
 * on the very tensors that go in and come out.
 */
const DELICATE = /^(Tensor(List|Array)|(Ref)?(Switch|Merge|Enter|Exit|NextIteration)$|LoopCond$)/;

/** Takes away nodes that change nothing, and those that nothing needs. */
export function dropNodes(body: Body): Tally {
  const tally = new Map<string, number>();
  body.sweep();
  for (const node of body.nodes()) {
    if (!GIVES_ON.has(node.op) || !body.isFree(node)) continue;
    const { op } = node;
    if (body.isKept(node) ? giveName(node, body) : passOver(node, body)) count(tally, op);
  }
  return tally;
}

function passOver(node: GraphNode, body: Body): boolean {
  const readers = [...body.readers(node)];
  if (node.inputs.length === 0 || readers.includes(node)) return false;
  if (readers.some((reader) => DELICATE.test(reader.op) || reader.inputs.includes(`^${node.name}`))) return false;
  if (node.inputs.some((input) => DELICATE.test(body.node(input)?.op ?? ""))) return false;
  node.inputs.forEach((input, output) => body.redirect(referTo(node.name, output), input));
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

import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { nodeOf } from "../graph-nodes.ts";
import { typeAttr } from "../graph/attrs.ts";
import type { Graph, GraphFunction, GraphNode } from "../graph/graph.ts";
import type { NodeNames } from "../graph/node-names.ts";
import { functionsOf } from "../graph/reach.ts";
import { dataInputs, parseReference, referTo } from "../graph/references.ts";
import type { Scope } from "../graph/rewrite.ts";
import { effectfulFunctions, hasEffects } from "./effects.ts";

const CALLS: ReadonlySet<string> = new Set(["PartitionedCall", "StatefulPartitionedCall"]);

/** A call and those that led to it. */
interface Call {
  readonly node: GraphNode;
  readonly chain: readonly string[];
}

/**
 * Puts the nodes of called functions where they are called; TF.js has no calls. A call becomes an identity under its old name,
 * which also comes after everything in the function that changes something. If and While keep their functions, with their own
 * calls inlined.
 * @throws MODEL_MALFORMED for functions that call themselves or arguments that do not fit, LIMIT_EXCEEDED
 */
export function inlineCalls(graph: Graph, names: NodeNames, what: string): string[] {
  const functions = new Map(graph.functions.map((body) => [body.name, body]));
  const effectful = effectfulFunctions(graph);
  let calls = 0;
  let total = 0;
  const kept = new Set<GraphFunction>();
  const scopes: Scope[] = [graph];
  for (let scope = scopes.pop(); scope !== undefined; scope = scopes.pop()) {
    const nodes: GraphNode[] = [];
    // A function's constants are the same at each of its calls: one copy in a scope is enough.
    const constants = new Map<string, string>();
    const outer = scope.function === undefined ? [] : [scope.function.name];
    const pending: Call[] = scope.nodes.map((node) => ({ node, chain: outer })).reverse();
    for (let call = pending.pop(); call !== undefined; call = pending.pop()) {
      const { node, chain } = call;
      nodes.push(node);
      if (++total > LIMITS.graphNodes) throw new AshoreError("LIMIT_EXCEEDED", `${what} has more than ${LIMITS.graphNodes} nodes once its function calls are inlined.`);
      const body = calledBy(node, functions);
      if (body === undefined) {
        for (const name of functionsOf(node)) {
          const inner = functions.get(name);
          if (inner === undefined || kept.has(inner)) continue;
          kept.add(inner);
          scopes.push({ nodes: inner.nodes, function: inner });
        }
        continue;
      }
      if (chain.includes(body.name)) throw new AshoreError("MODEL_MALFORMED", `${what}: the function ${JSON.stringify(body.name)} calls itself (${[...chain, body.name].join(" > ")}).`);
      calls += 1;
      const copies = expand(node, body, { graph, names, constants, effectful, what });
      for (const copy of copies.reverse()) pending.push({ node: copy, chain: [...chain, body.name] });
    }
    if (scope.function === undefined) graph.nodes = nodes;
    else scope.function.nodes = nodes;
  }
  graph.functions = graph.functions.filter((body) => kept.has(body));
  return calls === 0 ? [] : [`inlined ${calls} calls`];
}

function calledBy(node: GraphNode, functions: ReadonlyMap<string, GraphFunction>): GraphFunction | undefined {
  // TF1 called a function by an op of its name.
  return functions.get(CALLS.has(node.op) ? (node.attrs["f"]?.func?.name ?? "") : node.op);
}

interface Into {
  readonly graph: Graph;
  readonly names: NodeNames;
  /** A function's constant, and its copy in this scope. */
  readonly constants: Map<string, string>;
  readonly effectful: ReadonlySet<string>;
  readonly what: string;
}

/** The nodes of a function as one call of it needs them; the call's own node passes on their results. */
function expand(call: GraphNode, body: GraphFunction, { graph, names, constants, effectful, what }: Into): GraphNode[] {
  const given = dataInputs(call.inputs);
  if (given.length !== body.args.length) {
    throw new AshoreError("MODEL_MALFORMED", `${what}: the node ${JSON.stringify(call.name)} gives ${given.length} arguments to the function ${JSON.stringify(body.name)}, which takes ${body.args.length}.`);
  }
  const args = new Map(body.args.map(({ name }, at) => [name, given[at] ?? ""]));
  const renamed = new Map<string, string>();
  const copies: GraphNode[] = [];
  for (const node of body.nodes) {
    const shared = node.op === "Const" ? constants.get(node.name) : undefined;
    const inside = node.name.startsWith(`${body.name}/`) ? node.name.slice(body.name.length + 1) : node.name;
    const name = shared ?? names.fresh(`${call.name}/${inside}`);
    renamed.set(node.name, name);
    if (shared !== undefined) continue;
    copies.push({ name, op: node.op, inputs: node.inputs, attrs: node.attrs });
    if (node.op !== "Const") continue;
    constants.set(node.name, name);
    const constant = graph.constants.get(node.name);
    if (constant !== undefined) graph.constants.set(name, constant);
  }
  const move = (reference: string): string => {
    const { node, output, isControl } = parseReference(reference);
    const arg = args.get(node);
    if (arg !== undefined) return isControl ? `^${nodeOf(arg)}` : arg;
    const name = renamed.get(node);
    if (name === undefined) throw new AshoreError("MODEL_MALFORMED", `${what}: the function ${JSON.stringify(body.name)} refers to ${JSON.stringify(reference)}, which it does not have.`);
    return isControl ? `^${name}` : referTo(name, output);
  };
  for (const copy of copies) copy.inputs = copy.inputs.map(move);
  const changed = body.nodes.filter((node) => hasEffects(node, effectful)).map(({ name }) => `^${renamed.get(name) ?? name}`);
  const ordered = [...call.inputs.filter((input) => input.startsWith("^")), ...changed];
  const types = body.results.map(({ type }) => type);
  const single = types.length === 1;
  call.op = types.length === 0 ? "NoOp" : single ? "Identity" : "IdentityN";
  call.attrs = types.length === 0 ? {} : { T: single ? typeAttr(types[0] ?? "DT_INVALID") : { list: { type: types } } };
  call.inputs = [...body.results.map(({ from }) => move(from)), ...ordered];
  return copies;
}

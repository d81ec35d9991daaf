import { nodeOf } from "../graph-nodes.ts";
import { typeAttr, type Attrs } from "./attrs.ts";
import { valueOf, type FloatValue, type Value } from "./fold-value.ts";
import type { Constant, GraphNode } from "./graph.ts";
import type { NodeNames } from "./node-names.ts";

/** What a body of nodes shares with the whole graph. */
export interface BodyOptions {
  readonly constants: Map<string, Constant>;
  /** Names that are fed, fetched or results; other nodes may go. */
  readonly kept: ReadonlySet<string>;
  readonly names: NodeNames;
  /** Names of nodes that stand in more than one body. */
  readonly ambiguous: ReadonlySet<string>;
}

/** What a rewritten node computes: the name stays. */
export interface Rewrite {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attrs: Attrs;
}

/**
 * The nodes of a graph, or of one of its functions, while stages rewrite them: who reads whom is kept up to date. A node that
 * is kept (fed, fetched, a function's result) keeps its name and all its outputs; one that has control inputs is left alone.
 */
export class Body {
  readonly #constants: Map<string, Constant>;
  readonly #body: { nodes: GraphNode[] };
  readonly #kept: ReadonlySet<string>;
  readonly #names: NodeNames;
  readonly #ambiguous: ReadonlySet<string>;
  readonly #nodes = new Map<string, GraphNode>();
  readonly #readers = new Map<string, Set<GraphNode>>();
  readonly #values = new WeakMap<Constant, Value>();

  constructor(body: { nodes: GraphNode[] }, { constants, kept, names, ambiguous }: BodyOptions) {
    this.#constants = constants;
    this.#body = body;
    this.#kept = kept;
    this.#names = names;
    this.#ambiguous = ambiguous;
    for (const node of body.nodes) {
      this.#nodes.set(node.name, node);
      this.#link(node);
    }
  }

  /** The nodes as they stand now, in the graph's order, but for those that go before their turn comes. */
  *nodes(): Generator<GraphNode> {
    for (const node of [...this.#body.nodes]) if (this.#nodes.get(node.name) === node) yield node;
  }

  /** The node that a reference (`node`, `node:1`, `^node`) names; undefined for a function's argument. */
  node(reference: string | undefined): GraphNode | undefined {
    return reference === undefined ? undefined : this.#nodes.get(nodeOf(reference));
  }

  isKept({ name }: GraphNode): boolean {
    return this.#kept.has(name);
  }

  /** The nodes that read an output of this one, or wait for it. */
  readers({ name }: GraphNode): ReadonlySet<GraphNode> {
    return this.#readers.get(name) ?? NOBODY;
  }

  /** Whether a stage may give this node other inputs, or another op. */
  isFree(node: GraphNode): boolean {
    return !node.inputs.some((input) => input.startsWith("^"));
  }

  /** Whether nobody notices when the node's only reader does its work: it is free, not kept, read once, by its first output. */
  isInner(node: GraphNode): boolean {
    if (this.isKept(node) || !this.isFree(node)) return false;
    const [reader, ...others] = this.readers(node);
    return reader !== undefined && others.length === 0 && reader.inputs.filter((input) => nodeOf(input) === node.name).length === 1 && reader.inputs.includes(node.name);
  }

  /** The constant behind a reference; undefined for one that something fed, or that waits for another node. */
  constant(reference: string | undefined): Constant | undefined {
    const node = this.node(reference);
    return node?.op === "Const" && node.inputs.length === 0 && reference === node.name && !this.isKept(node) ? this.#constants.get(node.name) : undefined;
  }

  /** A constant's values; undefined for one that is quantised, or of a dtype that is not computed with here. */
  value(reference: string | undefined): Value | undefined {
    const constant = this.constant(reference);
    if (constant === undefined) return undefined;
    const known = this.#values.get(constant);
    if (known !== undefined) return known;
    const value = valueOf(constant);
    if (value !== undefined) this.#values.set(constant, value);
    return value;
  }

  floats(reference: string | undefined): FloatValue | undefined {
    const value = this.value(reference);
    return value?.dtype === "float32" ? value : undefined;
  }

  shape(reference: string | undefined): readonly number[] | undefined {
    return this.constant(reference)?.tensor.shape;
  }

  /** What only this node has read goes, unless it is kept. */
  rewrite(node: GraphNode, change: Rewrite): void {
    this.rewriteAll(new Map([[node, change]]));
  }

  /** Several at once, where one is to read what another read until then. */
  rewriteAll(changes: ReadonlyMap<GraphNode, Rewrite>): void {
    const before = [...changes.keys()].flatMap(({ inputs }) => inputs);
    for (const [node, { op, inputs, attrs }] of changes) {
      this.#unlink(node);
      node.op = op;
      node.inputs = [...inputs];
      node.attrs = attrs;
      this.#link(node);
    }
    this.#release(before);
  }

  /** The node, which must not be kept, becomes a constant. */
  setConstant(node: GraphNode, tensor: Value): void {
    // A constant is found by its name from every body.
    if (this.#ambiguous.has(node.name)) this.#rename(node, this.#names.fresh(node.name));
    this.rewrite(node, { op: "Const", inputs: [], attrs: { dtype: typeAttr(TYPES[tensor.dtype]) } });
    this.#constants.set(node.name, { kind: "dense", tensor });
  }

  /** A new constant, before the node that is to read it; its name. */
  addConstant(base: string, constant: Constant | Value, before: GraphNode): string {
    const isValue = !("kind" in constant);
    const dtype = isValue ? constant.dtype : constant.tensor.dtype;
    const node: GraphNode = { name: this.#names.fresh(base), op: "Const", inputs: [], attrs: { dtype: typeAttr(TYPES[dtype as keyof typeof TYPES]) } };
    this.#constants.set(node.name, isValue ? { kind: "dense", tensor: constant } : constant);
    this.#add(node, before);
    return node.name;
  }

  /** A new node, before the one that is to read it; its name. */
  addNode(base: string, { op, inputs, attrs }: Rewrite, before: GraphNode): string {
    const node: GraphNode = { name: this.#names.fresh(base), op, inputs: [...inputs], attrs };
    this.#add(node, before);
    return node.name;
  }

  #add(node: GraphNode, before: GraphNode): void {
    this.#body.nodes.splice(this.#body.nodes.indexOf(before), 0, node);
    this.#nodes.set(node.name, node);
    this.#link(node);
  }

  /** Whoever reads `from` (`node` or `node:1`) reads `to` instead; whether anybody did. */
  redirect(from: string, to: string): boolean {
    const node = this.node(from);
    const readers = node === undefined || node === this.node(to) ? [] : [...this.readers(node)].filter(({ inputs }) => inputs.includes(from));
    for (const reader of readers) this.rewrite(reader, { ...reader, inputs: reader.inputs.map((input) => (input === from ? to : input)) });
    return readers.length > 0;
  }

  /** Whoever reads a node reads its twin instead; nothing is left that reads it. */
  merge(gone: GraphNode, twin: GraphNode): void {
    for (const reader of [...this.readers(gone)]) this.rewrite(reader, { ...reader, inputs: reader.inputs.map((input) => renamed(input, gone.name, twin.name)) });
  }

  /** Gives a node that is not kept the name of its reader, which goes. */
  takeName(node: GraphNode, reader: GraphNode): void {
    this.#remove(reader);
    this.#rename(node, reader.name);
  }

  /** Takes away what neither a kept node nor one that it needs reads. */
  sweep(): void {
    const alive = new Set<GraphNode>();
    const frontier = [...this.#kept].flatMap((name) => this.#sources(name));
    for (let node = frontier.pop(); node !== undefined; node = frontier.pop()) {
      if (alive.has(node)) continue;
      alive.add(node);
      for (const input of node.inputs) frontier.push(...this.#sources(input));
    }
    for (const node of this.nodes()) if (!alive.has(node)) this.#remove(node);
    this.#body.nodes = this.#body.nodes.filter((node) => alive.has(node));
  }

  #sources(reference: string): readonly GraphNode[] {
    const node = this.node(reference);
    return node === undefined ? [] : [node];
  }

  #rename(node: GraphNode, name: string): void {
    const old = node.name;
    const readers = [...this.readers(node)];
    this.#unlink(node);
    this.#nodes.delete(old);
    node.name = name;
    this.#nodes.set(name, node);
    this.#link(node);
    for (const reader of readers) this.rewrite(reader, { ...reader, inputs: reader.inputs.map((input) => renamed(input, old, name)) });
  }

  #release(references: readonly string[]): void {
    const frontier = [...references];
    for (let reference = frontier.pop(); reference !== undefined; reference = frontier.pop()) {
      const node = this.node(reference);
      if (node === undefined || this.isKept(node) || this.readers(node).size > 0) continue;
      this.#remove(node);
      frontier.push(...node.inputs);
    }
  }

  #remove(node: GraphNode): void {
    this.#unlink(node);
    this.#nodes.delete(node.name);
  }

  #link(node: GraphNode): void {
    for (const input of node.inputs) {
      const name = nodeOf(input);
      const readers = this.#readers.get(name);
      if (readers === undefined) this.#readers.set(name, new Set([node]));
      else readers.add(node);
    }
  }

  #unlink(node: GraphNode): void {
    for (const input of node.inputs) this.#readers.get(nodeOf(input))?.delete(node);
  }
}

/** All nodes, each after those that it reads; where they go round in a circle, anywhere. */
export function inputsFirst(body: Body): GraphNode[] {
  const order: GraphNode[] = [];
  const seen = new Set<GraphNode>();
  const stack: { readonly node: GraphNode; next: number }[] = [];
  for (const start of body.nodes()) {
    if (!seen.has(start)) stack.push({ node: start, next: 0 });
    seen.add(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = body.node(top.node.inputs[top.next]);
      if (top.next >= top.node.inputs.length) {
        order.push(top.node);
        stack.pop();
        continue;
      }
      top.next += 1;
      if (input === undefined || seen.has(input)) continue;
      seen.add(input);
      stack.push({ node: input, next: 0 });
    }
  }
  return order;
}

const NOBODY: ReadonlySet<GraphNode> = new Set();
const TYPES = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL", string: "DT_STRING", complex64: "DT_COMPLEX64" } as const;

function renamed(input: string, from: string, to: string): string {
  if (nodeOf(input) !== from) return input;
  return input.startsWith("^") ? `^${to}` : to + input.slice(from.length);
}

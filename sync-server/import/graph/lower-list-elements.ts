import { typeAttr } from "./attrs.ts";
import type { Graph, GraphFunction, GraphNode } from "./graph.ts";
import { LIST_WRITES } from "./lower-results.ts";
import type { NodeNames } from "./node-names.ts";
import { dataInputs, referTo } from "./references.ts";
import { scopesOf, type Scope } from "./rewrite.ts";
import { scalar } from "./tensor-values.ts";

/** The attributes by which a node calls functions with its inputs. */
const BRANCHES = ["then_branch", "else_branch"];

/**
 * Lets loops and branches hand on what they put into lists. TF.js disposes of everything that a function computed but its results,
 * elements of lists among it, so that the list is read as empty: each written element becomes one more result, and in a loop one
 * more variable, which nothing reads.
 */
export function carryListElements(graph: Graph, names: NodeNames): string[] {
  const carrier = new Carrier(graph, names);
  for (const scope of scopesOf(graph)) carrier.visit(scope);
  return carrier.count === 0 ? [] : [`carried ${carrier.count} list elements out of loops and branches`];
}

class Carrier {
  count = 0;
  readonly #graph: Graph;
  readonly #names: NodeNames;
  readonly #functions: ReadonlyMap<string, GraphFunction>;
  /** By function: how many results were added. */
  readonly #added = new Map<string, number>();

  constructor(graph: Graph, names: NodeNames) {
    this.#graph = graph;
    this.#names = names;
    this.#functions = new Map(graph.functions.map((body) => [body.name, body]));
  }

  /** Adds the results of a scope, and before them those of what it calls; how many they are. */
  visit(scope: Scope): number {
    const { function: body } = scope;
    const before = body === undefined ? undefined : this.#added.get(body.name);
    if (before !== undefined) return before;
    // Set before the visit: a function that calls itself is not followed further.
    if (body !== undefined) this.#added.set(body.name, 0);
    const carried = [...scope.nodes].flatMap((node) => this.#carriedBy(node, scope));
    if (body === undefined) return 0;
    for (const from of carried) this.#addResult(body, from);
    this.#added.set(body.name, carried.length);
    this.count += carried.length;
    return carried.length;
  }

  /** What must live on of what a node writes or calls. */
  #carriedBy(node: GraphNode, scope: Scope): string[] {
    const written = node.inputs[LIST_WRITES[node.op] ?? -1];
    if (written !== undefined) return [written];
    const branches = BRANCHES.flatMap((attr) => this.#functionOf(node, attr) ?? []);
    const [first] = branches;
    if (first !== undefined) {
      // Both branches must give as many results.
      const most = Math.max(...branches.map((branch) => this.visit({ nodes: branch.nodes, function: branch })));
      const results = first.results.length - (this.#added.get(first.name) ?? 0);
      for (const branch of branches) {
        for (let count = this.#added.get(branch.name) ?? 0; count < most; count++) this.#addResult(branch, this.#nothing(branch.nodes));
        this.#added.set(branch.name, most);
      }
      return Array.from({ length: most }, (_, at) => referTo(node.name, results + at));
    }
    const [body, cond] = [this.#functionOf(node, "body"), this.#functionOf(node, "cond")];
    if (body === undefined || cond === undefined) return [];
    const variables = dataInputs(node.inputs).length;
    const most = this.visit({ nodes: body.nodes, function: body });
    for (let count = 0; count < most; count++) {
      const name = this.#names.fresh(`${node.name}/element`);
      if (body.args.length < variables + most) body.args.push({ name, type: "DT_FLOAT" });
      if (cond.args.length < variables + most) cond.args.push({ name, type: "DT_FLOAT" });
      node.inputs.splice(variables + count, 0, this.#nothing(scope.nodes));
    }
    return Array.from({ length: most }, (_, at) => referTo(node.name, variables + at));
  }

  #functionOf({ attrs }: GraphNode, attr: string): GraphFunction | undefined {
    return this.#functions.get(attrs[attr]?.func?.name ?? "");
  }

  #addResult(body: GraphFunction, from: string): void {
    body.results.push({ name: this.#names.fresh(`${body.name}/element`), type: "DT_FLOAT", from });
  }

  /** A constant to hand over where there is no element. */
  #nothing(nodes: GraphNode[]): string {
    const name = this.#names.fresh("no_element");
    this.#graph.constants.set(name, { kind: "dense", tensor: scalar(0, "float32") });
    nodes.push({ name, op: "Const", inputs: [], attrs: { dtype: typeAttr("DT_FLOAT") } });
    return name;
  }
}

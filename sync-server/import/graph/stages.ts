import type { Graph, StageReport } from "./graph.ts";

/** Runs stages one after the other on a graph and keeps what each did. */
export interface Stages {
  readonly stages: StageReport[];
  stage(name: string, run: () => readonly string[] | Promise<readonly string[]>): Promise<void>;
}

export function stagesOf(graph: Graph): Stages {
  const stages: StageReport[] = [];
  return {
    stages,
    async stage(stage, run) {
      const nodesBefore = countNodes(graph);
      const did = await run();
      stages.push({ stage, nodesBefore, nodesAfter: countNodes(graph), did });
    },
  };
}

/** Nodes of a graph and its functions. */
export function countNodes({ nodes, functions }: Graph): number {
  return functions.reduce((sum, body) => sum + body.nodes.length, nodes.length);
}

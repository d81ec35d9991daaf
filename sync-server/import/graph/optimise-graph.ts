import { nodeOf } from "../graph-nodes.ts";
import { foldBatchNorms } from "./fold-batch-norm.ts";
import { foldConstants } from "./fold-constants.ts";
import { foldPads } from "./fold-pad.ts";
import { foldShapes } from "./fold-shapes.ts";
import { foldTransposed } from "./fold-transposed.ts";
import { fuseActivations } from "./fuse-activation.ts";
import { fuseBiases } from "./fuse-bias.ts";
import { fuseMeans } from "./fuse-mean.ts";
import { moveBeforeReshapes } from "./fuse-reshape.ts";
import { fusePrelus } from "./fuse-prelu.ts";
import type { Graph, StageReport } from "./graph.ts";
import { nodeNamesOf } from "./node-names.ts";
import { Body } from "./optimise-body.ts";
import { dropNodes } from "./optimise-drop.ts";
import { shareNodes } from "./optimise-share.ts";
import { count, type Stage, type Tally } from "./optimise-stage.ts";
import { keepReached, reach } from "./reach.ts";
import { scopesOf } from "./rewrite.ts";
import { countNodes } from "./stages.ts";

export interface Keep {
  /** The graph's tensors that are fed. */
  readonly feeds: Iterable<string>;
  /** Those that are fetched, by these very names. */
  readonly fetches: Iterable<string>;
}

const STAGES: readonly Stage[] = [
  { name: "drop", run: dropNodes },
  { name: "share", run: shareNodes },
  { name: "fold constants", run: foldConstants },
  { name: "fold shapes", run: foldShapesAndConstants },
  { name: "share", run: shareNodes },
  { name: "fold transposed weights", run: foldTransposed },
  { name: "fold padding", run: foldPads },
  { name: "pool means", run: fuseMeans },
  { name: "fold batch norms", run: foldScalesAndBiases },
  { name: "fuse PReLU", run: fusePrelus },
  { name: "fuse activations", run: fuseActivations },
  { name: "share", run: shareNodes },
];

/** Of sizes that are known others can be computed. */
function foldShapesAndConstants(body: Body): Tally {
  return untilDone(body, [foldShapes, foldConstants]);
}

/** A bias may stand before a scale and after it. */
function foldScalesAndBiases(body: Body): Tally {
  return untilDone(body, [moveBeforeReshapes, fuseBiases, foldBatchNorms]);
}

function untilDone(body: Body, steps: readonly ((body: Body) => Tally)[]): Tally {
  const total = new Map<string, number>();
  for (let before = -1; sum(total) > before; ) {
    before = sum(total);
    for (const step of steps) for (const [what, times] of step(body)) count(total, what, times);
  }
  return total;
}

function sum(tally: Tally): number {
  return [...tally.values()].reduce((total, times) => total + times, 0);
}

/**
 * Makes a graph smaller and faster, in place, its answers the same but for the last bits of floats. What is fed and fetched
 * keeps its name; the dtypes are to be those of TF.js already. Functions are optimised as the graph is.
 */
export function optimiseGraph(graph: Graph, { feeds, fetches }: Keep): StageReport[] {
  const kept = new Set([...feeds, ...fetches].map(nodeOf));
  const names = nodeNamesOf(graph);
  const ambiguous = ambiguousNames(graph);
  const bodies = scopesOf(graph).map((scope) => {
    const { function: body } = scope;
    const own = body === undefined ? kept : new Set(body.results.map(({ from }) => nodeOf(from)));
    return new Body(body ?? graph, { constants: graph.constants, kept: own, names, ambiguous });
  });
  const reports: StageReport[] = [];
  for (const { name, run } of STAGES) {
    const nodesBefore = countNodes(graph);
    const tally = new Map<string, number>();
    for (const body of bodies) for (const [what, times] of run(body)) tally.set(what, (tally.get(what) ?? 0) + times);
    for (const body of bodies) body.sweep();
    reports.push({ stage: name, nodesBefore, nodesAfter: countNodes(graph), did: [...tally].map(([what, times]) => `${what}: ${times}`) });
  }
  keepReached(graph, reach(graph, kept));
  return reports;
}

/** Names that nodes of more than one body have. */
function ambiguousNames(graph: Graph): Set<string> {
  const seen = new Set<string>();
  const ambiguous = new Set<string>();
  for (const { nodes } of scopesOf(graph)) for (const { name } of nodes) (seen.has(name) ? ambiguous : seen).add(name);
  return ambiguous;
}

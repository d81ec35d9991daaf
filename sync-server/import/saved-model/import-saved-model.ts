import { AshoreError } from "../../../protocol/errors.ts";
import { backendSupport } from "../graph/backend-support.ts";
import { restoreDefaultAttrs } from "../graph/default-attrs.ts";
import { gateBranchConstants } from "../graph/lower-branch-constants.ts";
import { lowerCases } from "../graph/lower-case.ts";
import { carryListElements } from "../graph/lower-list-elements.ts";
import { lowerLookups } from "../graph/lower-lookups.ts";
import { lowerOps } from "../graph/lower-ops.ts";
import { separateResults } from "../graph/lower-results.ts";
import { mapDTypes } from "../graph/map-dtypes.ts";
import { nodeNamesOf } from "../graph/node-names.ts";
import { optimiseGraph } from "../graph/optimise-graph.ts";
import { printGraph } from "../graph/print-graph.ts";
import { keepReached, reach } from "../graph/reach.ts";
import { stagesOf } from "../graph/stages.ts";
import { createTableFiller } from "../graph/table-filler.ts";
import type { ImportedGraph, ImportOptions } from "../imported-model.ts";
import type { SourceFolder } from "../source-folder.ts";
import { openVariables } from "./bundle/open-variables.ts";
import { refuseUncomputable } from "./check-signature-defs.ts";
import { chooseMetaGraph, DEFAULT_TAGS } from "./choose-meta-graph.ts";
import { feedsOf, fetchesOf, reachAll, type Draft } from "./draft.ts";
import { dropControlInputs } from "./drop-control.ts";
import { cutExamples } from "./examples.ts";
import { freezeVariables, savedVariables, type Saved } from "./freeze-variables.ts";
import { inlineCalls } from "./inline-calls.ts";
import type { Variables } from "./meta-graph.ts";
import { readMetaGraphs } from "./read-meta-graphs.ts";
import { openShapes, separateFeeds, takeSignatureDefs } from "./signature-defs.ts";
import { liftTables } from "./tables.ts";
import { refuseStateful } from "./variables-read.ts";

/**
 * A SavedModel, TF1 or TF2, as the graph model that TF.js runs. Signature defs that cannot be computed are left out, and `notes`
 * says which and why.
 * @throws MODEL_INCOMPLETE while files are missing or short; MODEL_MALFORMED; MODEL_UNSUPPORTED_OP where no signature def can be
 * computed; LIMIT_EXCEEDED, CANCELLED
 */
export async function importSavedModel(source: SourceFolder, options: ImportOptions = {}): Promise<ImportedGraph> {
  const what = `saved_model.pb in ${source.path}`;
  const tags = options.savedModelTags ?? DEFAULT_TAGS;
  const meta = chooseMetaGraph(await readMetaGraphs(source, options), tags, what);
  if (!isDefault(tags)) source.mark(`tags ${JSON.stringify([...tags].sort())}`);
  const { graph, restore, initOps } = meta;
  const draft: Draft = { what, graph, signatureDefs: new Map(), refused: new Map() };
  const names = nodeNamesOf(graph);
  const variables = whenNeeded(source);
  const filler = createTableFiller(names);
  const { stages, stage } = stagesOf(graph);

  takeSignatureDefs(draft, meta);
  await stage("prune", () => {
    const did = separateFeeds(draft, names);
    keepReached(graph, reachAll(draft, reach(graph, [...initOps, ...(restore === undefined ? [] : [restore.op])])));
    return did;
  });
  await stage("inline", () => inlineCalls(graph, names, what));
  refuseStateful(draft);
  const saved = restore === undefined ? new Map<string, Saved>() : savedVariables(graph, restore.op);
  await stage("tables", () => liftTables(draft, meta, { source, variables, filler }));
  await stage("examples", () => cutExamples(draft, names));
  await stage("freeze", () => {
    const did = dropControlInputs(graph);
    keepReached(graph, reachAll(draft));
    return freezeVariables(graph, saved, variables, names, what).then((froze) => [...did, ...froze]);
  });
  await stage("attributes", () => restoreDefaultAttrs(graph));
  await stage("control flow", () => [...lowerCases(graph, names), ...carryListElements(graph, names), ...gateBranchConstants(graph, names)]);
  await stage("lower", () => [...lowerOps(graph, names), ...lowerLookups(graph, filler, names)]);
  let misfits: ReadonlyMap<string, string> = new Map();
  await stage("dtypes", () => {
    const mapped = mapDTypes(graph);
    ({ misfits } = mapped);
    return mapped.did;
  });
  if (options.unsupportedOps !== "accept") refuseUncomputable(draft, misfits);
  refuseIfNoneIsLeft(draft);
  await stage("prune", () => {
    keepReached(graph, reachAll(draft));
    openShapes(draft);
    return [];
  });
  const { signatureDefs } = draft;
  const defs = [...signatureDefs.values()];
  if (options.optimise !== false) stages.push(...optimiseGraph(graph, { feeds: defs.flatMap(feedsOf), fetches: defs.flatMap(fetchesOf) }));
  await stage("results", () => separateResults(graph, nodeNamesOf(graph)));

  const initializer = filler.initializerOf(graph);
  const parts = { graph, ...(initializer === undefined ? {} : { initializer }) };
  const { backends, lacking } = backendSupport(...Object.values(parts));
  const unserved = unservedOf(draft);
  const left = Object.entries(lacking).map(([backend, op]) => `It does not run on ${backend}, which lacks ${op}.`);
  return {
    ...printGraph(parts),
    signatureDefs: Object.fromEntries(signatureDefs),
    assets: [],
    stages,
    notes: [...Object.values(unserved), ...left],
    ...(Object.keys(unserved).length === 0 ? {} : { unserved }),
    ...(left.length === 0 ? {} : { backends }),
  };
}

function isDefault(tags: readonly string[]): boolean {
  return JSON.stringify([...tags].sort()) === JSON.stringify(DEFAULT_TAGS);
}

/** A model without variables has no files of them. */
function whenNeeded(source: SourceFolder): Pick<Variables, "read"> {
  let opened: Promise<Variables> | undefined;
  return {
    async read(key, slice) {
      opened ??= openVariables(source);
      return (await opened).read(key, slice);
    },
  };
}

function unservedOf({ refused }: Draft): Record<string, string> {
  return Object.fromEntries([...refused].map(([name, { why }]) => [name, `The signature def ${name} is not served: it ${why}.`]));
}

/** @throws MODEL_UNSUPPORTED_OP or MODEL_MALFORMED where no signature def is left */
function refuseIfNoneIsLeft({ what, signatureDefs, refused }: Draft): void {
  if (signatureDefs.size > 0) return;
  const [first] = refused.values();
  if (first === undefined) throw new AshoreError("MODEL_MALFORMED", `${what} has no signature defs; save the model with one.`);
  const reasons = [...refused].map(([name, { why }]) => `the signature def ${name} ${why}`);
  throw new AshoreError(first.code, `${what} has no signature def that can be served: ${reasons.join("; ")}.`);
}

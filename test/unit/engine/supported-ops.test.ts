import { expect, test } from "vitest";
import { isSupportedOp, unsupportedOps } from "../../../engine/supported-ops.ts";
import { graphOfNodes, node, placeholder } from "../../support/small-graphs.ts";

test("what the converter executes is known from its own tables", () => {
  const known = ["Conv2D", "_FusedConv2D", "MatMul", "While", "StatelessIf", "NonMaxSuppressionV4", "LookupTableFindV2", "Const", "Placeholder", "StringSplit"];
  expect(known.filter((op) => !isSupportedOp(op))).toEqual([]);
  expect(["Erfinv", "PartitionedCall", "SaveV2", "conv2d", "", "__proto__", "constructor", "toString"].filter(isSupportedOp)).toEqual([]);
});

test("unsupported operations are found in the graph, the initializer and the library, with their nodes", () => {
  const bad = (name: string) => node(name, "Erfinv", []);
  const graph = graphOfNodes([placeholder("x", "DT_FLOAT"), ...["a", "b", "c", "d"].map(bad)]);
  graph.modelTopology.library = { function: [{ signature: { name: "f" }, nodeDef: [node("inner", "SaveV2", [])] }] };
  expect(unsupportedOps({ ...graph, modelInitializer: { node: [bad("i")] } })).toEqual([
    { op: "Erfinv", count: 5, nodes: ["a", "b", "c"] },
    { op: "SaveV2", count: 1, nodes: ["f/inner"] },
  ]);
  expect(unsupportedOps(graphOfNodes([placeholder("x", "DT_FLOAT")]))).toEqual([]);
});

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createInProcessEngineHost } from "../../../../engine/in-process-host.ts";
import { parseGraphFile, printGraphFile, type GraphFile, type GraphNode } from "../../../../protocol/graph.ts";
import { printGraph } from "../../../../sync-server/import/graph/print-graph.ts";
import { readGraphFile } from "../../../../sync-server/import/graph/read-graph-file.ts";
import type { ImportedTensor } from "../../../../sync-server/import/imported-model.ts";
import { importModel } from "../../../../sync-server/import/index.ts";
import { packGraph } from "../../../support/pack-graph.ts";
import { packModel } from "../../../support/pack-model.ts";
import { copyRealModel, REAL_MODELS } from "../../../support/real-models.ts";
import { realInputs } from "../../../support/real-inputs.ts";
import { constant, graphOfNodes, node, placeholder } from "../../../support/small-graphs.ts";
import { WASM_PATH } from "../../../support/wasm-path.ts";

const weight = (name: string, ...values: number[]): ImportedTensor => ({ name, dtype: "float32", shape: [values.length], width: 4, bytes: new Uint8Array(Float32Array.from(values).buffer) });
const roundTrip = (file: GraphFile, tensors: readonly ImportedTensor[]) => printGraph(readGraphFile(file, tensors));

describe("real models", () => {
  // The converter warns that some models could be run synchronously, where they cannot.
  beforeAll(() => void vi.spyOn(console, "warn").mockImplementation(() => {}));
  afterAll(() => void vi.restoreAllMocks());
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashore-round-trip-"));
  });
  afterAll(() => rm(root, { recursive: true }));
  const host = createInProcessEngineHost({ wasmPath: WASM_PATH });

  test.each(REAL_MODELS)("%s answers bit for bit as before, having been read and printed", async (name) => {
    const folder = join(root, name);
    await copyRealModel(name, folder);
    const imported = await importModel(folder, { optimise: false });
    const { feeds, fetches } = realInputs(name, imported.signatureDefs);
    const before = await host.load(await packModel(join(folder, "model.json")), { backend: "wasm" });
    const after = await host.load(packGraph(imported), { backend: "wasm" });
    expect(await after.run(feeds, fetches)).toEqual(await before.run(feeds, fetches));
    await before.close();
    await after.close();
    // What was printed once is printed again to the same bytes.
    const again = roundTrip(parseGraphFile(imported.graph), imported.tensors);
    expect(again.graph).toEqual(imported.graph);
    expect(again.tensors).toEqual(imported.tensors);
    expect(imported.graph.byteLength).toBeLessThan((await readFile(join(folder, "model.json"))).byteLength);
  });
});

describe("a graph is read and printed whole", () => {
  const FLOAT = { T: { type: "DT_FLOAT" } };

  test("with functions, whose named outputs become numbers, and constants of the same name become one", () => {
    const body = (name: string, nodeDef: GraphNode[], from: string) => ({
      signature: { name, inputArg: [{ name: "x", type: "DT_FLOAT" }], outputArg: [{ name: "y", type: "DT_INT32" }] },
      nodeDef,
      ret: { y: from },
    });
    const nodes = [constant("k", "DT_INT32"), node("top", "TopKV2", ["x", "k:output:0"], FLOAT)];
    const file = graphOfNodes([placeholder("x", "DT_FLOAT"), node("c", "StatelessIf", ["p", "x:0"], { then_branch: { func: { name: "f", attr: {} } }, else_branch: { func: { name: "g" } } })]);
    const library = { function: [body("f", nodes, "top:indices:0"), body("g", [...nodes, node("id", "Identity", ["top:indices"])], "id:output:0")] };
    const withLibrary = parseGraphFile(printGraphFile({ modelTopology: { ...file.modelTopology, library } }));
    const { graph } = readGraphFile(withLibrary, [weight("k", 2)]);
    expect(graph.nodes[1]?.inputs).toEqual(["p", "x"]);
    expect(graph.functions.map(({ name, results, nodes }) => [name, results[0]?.from, nodes[1]?.inputs])).toEqual([["f", "top:1", ["x", "k"]], ["g", "id", ["x", "k"]]]);
    const printed = printGraph({ graph });
    expect(printed.tensors.map(({ name }) => name)).toEqual(["k"]);
    expect(printGraph(readGraphFile(parseGraphFile(printed.graph), printed.tensors))).toEqual(printed);
  });

  test("with an initializer, its signature and the inputs that it captures", () => {
    const file: GraphFile = {
      modelTopology: { node: [placeholder("handle", "DT_RESOURCE"), constant("w", "DT_FLOAT")], versions: { producer: 9 } },
      signature: { inputs: { handle: { name: "handle:0", resourceId: 3 } } },
      modelInitializer: { node: [node("table", "HashTableV2", []), constant("keys", "DT_FLOAT")], versions: { producer: 9 } },
      initializerSignature: { outputs: { handle: { name: "table:0", resourceId: 3 } } },
    };
    const { graph, tensors } = roundTrip(file, [weight("keys", 1), weight("w", 2)]);
    const parsed = parseGraphFile(graph);
    expect(parsed).toMatchObject({ ...file, modelInitializer: { node: [{ name: "table", op: "HashTableV2" }, { name: "keys" }] } });
    expect(tensors.map(({ name }) => name)).toEqual(["w", "keys"]);
  });

  test("with the attributes that old converters wrote in other ways", () => {
    const odd = { strides: { list: { i: [1, 2] } }, T: { type: 1 }, padding: { s: [83, 65, 77, 69] }, shape: { shape: { dim: [{ size: -1 }, {}] } }, _class: { list: { s: ["YQ=="] } } };
    const { graph } = roundTrip(graphOfNodes([node("x", "Conv2D", ["a", "^b"], odd)]), []);
    expect(parseGraphFile(graph).modelTopology.node).toEqual([
      {
        name: "x",
        op: "Conv2D",
        input: ["a", "^b"],
        attr: { strides: { list: { i: ["1", "2"] } }, T: { type: "1" }, padding: { s: "U0FNRQ==" }, shape: { shape: { dim: [{ size: "-1" }, { size: "0" }] } } },
      },
    ]);
  });

  test("but not with an attribute that is none", () => {
    expect(() => roundTrip(graphOfNodes([node("x", "Neg", ["a"], { T: { type: {} } })]), [])).toThrowError(/node "x", its attribute "T"/);
  });
});

describe("constants", () => {
  const graphOf = (name: string) => ({ nodes: [{ name, op: "Const", inputs: [], attrs: {} }], functions: [] });

  test("of each dtype that TF.js computes with become weights", () => {
    const strings = ["hi", ""].map((text) => new TextEncoder().encode(text));
    const printed = [
      { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) },
      { dtype: "int32", shape: [], data: Int32Array.of(-1) },
      { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) },
      { dtype: "string", shape: [2], data: strings },
      { dtype: "complex64", shape: [1], data: Float32Array.of(1, 2) },
    ] as const;
    const weights = printed.map((tensor) => printGraph({ graph: { ...graphOf("c"), constants: new Map([["c", { kind: "dense", tensor }]]) } }).tensors[0]);
    expect(weights.map((tensor) => [tensor?.dtype, tensor?.width, [...(tensor?.bytes ?? [])]])).toEqual([
      ["float32", 4, [0, 0, 128, 63, 0, 0, 0, 64]],
      ["int32", 4, [255, 255, 255, 255]],
      ["bool", 1, [1, 0]],
      ["string", 1, [2, 0, 0, 0, 104, 105, 0, 0, 0, 0]],
      ["complex64", 4, [0, 0, 128, 63, 0, 0, 0, 64]],
    ]);
  });

  test("of another are refused by name", () => {
    const constants = new Map([["big", { kind: "dense", tensor: { dtype: "int64", shape: [1], data: BigInt64Array.of(1n) } }]] as const);
    expect(() => printGraph({ graph: { ...graphOf("big"), constants } })).toThrowError(/"big" is int64/);
  });
});

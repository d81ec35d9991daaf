import { describe, expect, test } from "vitest";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { answersOf, importWritten } from "../../../support/run-saved-model.ts";
import { attr, tensor, type GraphDType } from "../../../support/saved-model-writer/protos.ts";
import { SavedModelWriter } from "../../../support/saved-model-writer/saved-model-writer.ts";

const { float, int } = tensor;
const F = { T: attr.type("float32") };
const I = { T: attr.type("int32") };
const LIST = { element_dtype: attr.type("float32"), shape_type: attr.type("int32") };
const bool = (value: number): Tensor => ({ dtype: "bool", shape: [], data: Uint8Array.of(value) });

/** Running sums of x [n], put into a list by a While; where `inBranch`, inside an If of its body, which leaves out what is negative. */
function runningSums(inBranch: boolean): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const state = { i: "int32", sum: "float32", list: "variant", x: "float32" } as const satisfies Record<string, GraphDType>;
  const write = { i: "int32", list: "variant", value: "float32" } as const satisfies Record<string, GraphDType>;
  model.define("put", write, { identity: "variant" }, (graph, [i = "", list = "", value = ""]) => [graph.op("TensorListSetItem", [list, i, graph.op("Mul", [value, graph.constant(float([], [1]))], F)], { element_dtype: attr.type("float32") })]);
  model.define("put_zero", write, { identity: "variant" }, (graph, [i = "", list = "", value = ""]) => [graph.op("TensorListSetItem", [list, i, graph.op("Sub", [value, value], F)], { element_dtype: attr.type("float32") })]);
  const condition = model.define("while_cond", state, { identity: "bool" }, (graph, [i = "", , , x = ""]) => [graph.op("Less", [i, graph.op("Size", [x], { ...F, out_type: attr.type("int32") })], I)]);
  const body = model.define("while_body", state, { identity: "int32", identity_1: "float32", identity_2: "variant", identity_3: "float32" }, (graph, [i = "", sum = "", list = "", x = ""]) => {
    const here = graph.op("GatherV2", [x, i, graph.constant(int([], [0]))], { Tparams: attr.type("float32"), Tindices: attr.type("int32"), Taxis: attr.type("int32") });
    const next = graph.op("AddV2", [sum, here], F);
    const positive = graph.op("Greater", [next, graph.constant(float([], [0]))], F);
    const branches = { then_branch: attr.func("put"), else_branch: attr.func("put_zero"), Tcond: attr.type("bool"), Tin: attr.types(["int32", "variant", "float32"]), Tout: attr.types(["variant"]) };
    const put = inBranch ? graph.op("StatelessIf", [positive, i, list, next], branches) : graph.op("TensorListSetItem", [list, i, graph.op("Identity", [next], F)], { element_dtype: attr.type("float32") });
    return [graph.op("AddV2", [i, graph.constant(int([], [1]))], I), next, put, x];
  });
  return model.serve("serving_default", { x: ["float32", [-1]] }, { sums: ["float32", [-1]] }, [], (graph, [x = ""]) => {
    const list = graph.op("TensorListReserve", [graph.constant(int([0], [])), graph.op("Size", [x], { ...F, out_type: attr.type("int32") })], LIST);
    const loop = graph.op("StatelessWhile", [graph.constant(int([], [0])), graph.constant(float([], [0])), list, x], { T: attr.types(Object.values(state)), cond: attr.func(condition), body: attr.func(body) });
    return [graph.op("TensorListStack", [graph.output(loop, 2), graph.constant(int([0], []))], { element_dtype: attr.type("float32") })];
  });
}

/** Row r [3]: the running sums of r, 2 r and 3 r, by a loop in a loop, each with a list. */
function nested(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const inner = { i: "int32", sum: "float32", list: "variant", row: "float32" } as const satisfies Record<string, GraphDType>;
  const outer = { r: "int32", rows: "variant", count: "int32" } as const satisfies Record<string, GraphDType>;
  const one = int([], [1]);
  const element = { element_dtype: attr.type("float32") };
  model.define("inner_cond", inner, { identity: "bool" }, (graph, [i = ""]) => [graph.op("Less", [i, graph.constant(int([], [3]))], I)]);
  model.define("inner_body", inner, { identity: "int32", identity_1: "float32", identity_2: "variant", identity_3: "float32" }, (graph, [i = "", sum = "", list = "", row = ""]) => {
    const next = graph.op("AddV2", [sum, row], F);
    return [graph.op("AddV2", [i, graph.constant(one)], I), next, graph.op("TensorListSetItem", [list, i, next], element), row];
  });
  model.define("outer_cond", outer, { identity: "bool" }, (graph, [r = "", , count = ""]) => [graph.op("Less", [r, count], I)]);
  model.define("outer_body", outer, { identity: "int32", identity_1: "variant", identity_2: "int32" }, (graph, [r = "", rows = "", count = ""]) => {
    const list = graph.op("TensorListReserve", [graph.constant(int([0], [])), graph.constant(int([], [3]))], LIST);
    const row = graph.op("Cast", [r], { SrcT: attr.type("int32"), DstT: attr.type("float32") });
    const loop = graph.op("StatelessWhile", [graph.constant(int([], [0])), graph.constant(float([], [0])), list, row], { T: attr.types(Object.values(inner)), cond: attr.func("inner_cond"), body: attr.func("inner_body") });
    const sums = graph.op("TensorListStack", [graph.output(loop, 2), graph.constant(int([0], []))], element);
    return [graph.op("AddV2", [r, graph.constant(one)], I), graph.op("TensorListSetItem", [rows, r, sums], element), count];
  });
  return model.serve("serving_default", { count: ["int32", []] }, { table: ["float32", [-1, 3]] }, [], (graph, [count = ""]) => {
    const rows = graph.op("TensorListReserve", [graph.constant(int([1], [3])), count], LIST);
    const loop = graph.op("StatelessWhile", [graph.constant(int([], [0])), rows, count], { T: attr.types(Object.values(outer)), cond: attr.func("outer_cond"), body: attr.func("outer_body") });
    return [graph.op("TensorListStack", [graph.output(loop, 1), graph.constant(int([1], [3]))], element)];
  });
}

/** x + 1, x · 10 or -x, by number. */
function choice(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const x = { x: "float32" } as const;
  model.define("plus", x, { identity: "float32" }, (graph, [value = ""]) => [graph.op("AddV2", [value, graph.constant(float([], [1]))], F)]);
  model.define("times", x, { identity: "float32" }, (graph, [value = ""]) => [graph.op("Mul", [value, graph.constant(float([], [10]))], F)]);
  model.define("minus", x, { identity: "float32" }, (graph, [value = ""]) => [graph.op("Neg", [value], F)]);
  const branches = { list: { func: ["plus", "times", "minus"].map((name) => ({ name })) } };
  return model.serve("serving_default", { which: ["int32", []], x: ["float32", []] }, { y: ["float32", []] }, [], (graph, [which = "", value = ""]) => [
    graph.op("StatelessCase", [which, value], { branches, Tin: attr.types(["float32"]), Tout: attr.types(["float32"]) }),
  ]);
}

/** The largest two of x, values and places, computed in a branch: both results are outputs of one node. */
function largestTwo(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const args = { x: "float32" } as const;
  const results = { identity: "int32", identity_1: "float32" } as const;
  model.define("largest", args, results, (graph, [x = ""]) => {
    const found = graph.op("TopKV2", [x, graph.constant(int([], [2]))], F);
    return [graph.output(found, 0, "indices"), found];
  });
  model.define("nothing", args, results, (graph) => [graph.constant(int([0], [])), graph.constant(float([0], []))]);
  return model.serve("serving_default", { go: ["bool", []], x: ["float32", [-1]] }, { places: ["int32", [-1]], values: ["float32", [-1]] }, [], (graph, [go = "", x = ""]) => {
    const chosen = graph.op("If", [go, x], { then_branch: attr.func("largest"), else_branch: attr.func("nothing"), Tcond: attr.type("bool"), Tin: attr.types(["float32"]), Tout: attr.types(["int32", "float32"]) });
    return [chosen, graph.output(chosen, 1)];
  });
}

/** TF1's cond: 1 where `yes`, else 2, both constants that wait for their branch. */
function constantBranches(): SavedModelWriter {
  const model = new SavedModelWriter("tf1");
  const { graph } = model;
  const yes = graph.placeholder("yes", "bool", []);
  const pivot = graph.op("Switch", [yes, yes], { T: attr.type("bool") }, { name: "cond/Switch" });
  const taken = graph.op("Identity", [graph.output(pivot, 1)], { T: attr.type("bool") }, { name: "cond/switch_t" });
  const other = graph.op("Identity", [pivot], { T: attr.type("bool") }, { name: "cond/switch_f" });
  const one = graph.constant(float([], [1]), { name: "cond/one", after: [taken] });
  const two = graph.constant(float([], [2]), { name: "cond/two", after: [other] });
  const merged = graph.op("Merge", [two, graph.op("Neg", [one], F)], { ...F, N: attr.int(2) }, { name: "cond/Merge" });
  return model.signature("serving_default", { yes: [yes, "bool", []] }, { y: [merged, "float32", []] });
}

describe.each(["cpu", "wasm"] as const)("control flow on %s", (backend) => {
  test.each([false, true])("what a loop puts into a list is there when the list is read (inside a branch: %s)", async (inBranch) => {
    const imported = await importWritten(runningSums(inBranch));
    const { sums } = await answersOf(imported, "serving_default", { x: float([4], [1, 2, -5, 7]) }, backend);
    expect(sums).toEqual({ shape: [4], values: inBranch ? [1, 3, 0, 5] : [1, 3, -2, 5] });
  });

  test("a loop in a loop, each with a list", async () => {
    const answers = await answersOf(await importWritten(nested()), "serving_default", { count: int([], [3]) }, backend);
    expect(answers).toEqual({ table: { shape: [3, 3], values: [0, 0, 0, 1, 2, 3, 2, 4, 6] } });
  });

  test.each([[0, 6], [1, 50], [2, -5], [9, -5], [-1, -5]])("a choice between many branches: number %i", async (which, y) => {
    expect(await answersOf(await importWritten(choice()), "serving_default", { which: int([], [which]), x: float([], [5]) }, backend)).toEqual({ y: { shape: [], values: [y] } });
  });

  test.each([[1, [2, 0], [9, 5]], [0, [], []]])("two results that one node gives: %i", async (go, places, values) => {
    const answers = await answersOf(await importWritten(largestTwo()), "serving_default", { go: bool(go), x: float([3], [5, 1, 9]) }, backend);
    expect(answers).toEqual({ places: { shape: [places.length], values: places }, values: { shape: [values.length], values } });
  });

  test.each([[1, -1], [0, 2]])("constants of TF1's branches belong to their branch: %i", async (yes, y) => {
    expect(await answersOf(await importWritten(constantBranches()), "serving_default", { yes: bool(yes) }, backend)).toEqual({ y: { shape: [], values: [y] } });
  });
});

test("a table that is looked into inside a branch is refused: TF.js has none there", async () => {
  const model = new SavedModelWriter("tf2");
  const table = model.tableOf(model.asset("words.txt", "a\nb\n"), "line-to-number");
  const args = { table: "resource", key: "string" } as const satisfies Record<string, GraphDType>;
  const find = model.define("find", args, { identity: "int64" }, (graph, [handle = "", key = ""]) => [graph.op("LookupTableFindV2", [handle, key, graph.constant(tensor.int64([], [-1]))], { Tin: attr.type("string"), Tout: attr.type("int64") })]);
  model.serve("serving_default", { go: ["bool", []], key: ["string", []] }, { id: ["int64", []] }, [table], (graph, [go = "", key = ""], [handle = ""]) => [
    graph.op("If", [go, handle, key], { then_branch: attr.func(find), else_branch: attr.func(find), Tcond: attr.type("bool"), Tin: attr.types(["resource", "string"]), Tout: attr.types(["int64"]) }),
  ]);
  await expect(importWritten(model)).rejects.toThrow(/LookupTableFindV2 .* inside a loop or a branch/);
});

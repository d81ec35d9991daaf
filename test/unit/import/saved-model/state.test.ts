import { expect, test } from "vitest";
import { answersOf, importWritten } from "../../../support/run-saved-model.ts";
import { attr, tensor } from "../../../support/saved-model-writer/protos.ts";
import { SavedModelWriter } from "../../../support/saved-model-writer/saved-model-writer.ts";

const { float } = tensor;
const FLOAT = { dtype: attr.type("float32") };
const F = { T: attr.type("float32") };

/** Signature defs over a variable: one that reads it, one that adds to it. */
function counter(reads: boolean): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const count = model.variable("count", float([], [7]));
  const weight = model.variable("weight", float([], [3]));
  model.serve("count_and_multiply", { x: ["float32", [-1]] }, { y: ["float32", [-1]] }, [count, weight], (graph, [x = ""], [counted = "", handle = ""]) => {
    graph.op("AssignAddVariableOp", [counted, graph.constant(float([], [1]))], FLOAT);
    return [graph.op("Mul", [x, graph.op("ReadVariableOp", [handle], FLOAT)], F)];
  });
  if (reads) model.serve("read", { x: ["float32", []] }, { y: ["float32", []] }, [count], (graph, [x = ""], [counted = ""]) => [graph.op("AddV2", [x, graph.op("ReadVariableOp", [counted], FLOAT)], F)]);
  return model;
}

test("a change that no signature def reads is left out", async () => {
  const imported = await importWritten(counter(false));
  expect(await answersOf(imported, "count_and_multiply", { x: float([1], [2]) }, "cpu")).toEqual({ y: { shape: [1], values: [6] } });
});

test("a change that another signature def reads refuses the one that makes it, not the one that reads", async () => {
  const { signatureDefs, notes } = await importWritten(counter(true));
  expect(Object.keys(signatureDefs)).toEqual(["read"]);
  expect(notes?.[0]).toMatch(/count_and_multiply is not served: it changes the variable count \(AssignAddVariableOp, the node .*AssignAddVariableOp\)/);
});

test("a variable that nothing loads is an error that names it", async () => {
  const model = new SavedModelWriter("tf1");
  const { graph } = model;
  const lost = graph.op("VarHandleOp", [], { ...FLOAT, shape: attr.shape([]), shared_name: attr.text("lost") }, { name: "lost" });
  const x = graph.placeholder("x", "float32", null);
  model.signature("serving_default", { x: [x, "float32", null] }, { y: [graph.op("AddV2", [x, graph.op("ReadVariableOp", [lost], FLOAT)], F), "float32", null] });
  await expect(importWritten(model)).rejects.toMatchObject({ code: "MODEL_MALFORMED", message: expect.stringContaining('the variable "lost"') });
});

test.each(["cpu", "wasm"] as const)("a signature def without inputs answers what was saved, again and again (%s)", async (backend) => {
  const model = new SavedModelWriter("tf1");
  const value = float([], [4]);
  const count = model.variable("count", value, "ref");
  model.signature("read", {}, { y: [model.read(count, value, "ref"), "float32", []], itself: [count, "float32", []] });
  const imported = await importWritten(model);
  for (let times = 0; times < 2; times++) expect(await answersOf(imported, "read", {}, backend)).toEqual({ y: { shape: [], values: [4] }, itself: { shape: [], values: [4] } });
});

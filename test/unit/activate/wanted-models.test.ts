import { expect, test } from "vitest";
import { modelName } from "../../../protocol/names.ts";
import { WantedModels } from "../../../runtime/activate/index.ts";

const [A, B, C] = [modelName("a"), modelName("b"), modelName("c")];

test("a union of names, whether they are there or not", () => {
  const wanted = new WantedModels([A]);
  wanted.add([B, A]);
  expect(wanted.among([B, C])).toEqual([A, B]);
});

test("all covers what is there, but for what was removed, until that is named", () => {
  const wanted = new WantedModels("all");
  expect(wanted.among([A, B])).toEqual([A, B]);
  wanted.remove(B);
  wanted.add("all");
  expect(wanted.among([A, B, C])).toEqual([A, C]);
  wanted.add([B]);
  expect(wanted.among([A, C])).toEqual([B, A, C]);
});

test("what was named and removed is gone", () => {
  const wanted = new WantedModels([A, B]);
  wanted.remove(A);
  expect(wanted.among([A, B, C])).toEqual([B]);
});

import { expect, test } from "vitest";
import { classesOf, type NamedClasses } from "../../../protocol/classes.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

const scores = (shape: readonly number[], ...values: readonly number[]): Tensor => ({ dtype: "float32", shape, data: Float32Array.from(values) });
const named = (names: string[], activation?: NamedClasses["activation"]): NamedClasses => ({ output: "y", names, activation });
const plain = (rows: ReturnType<typeof classesOf>): unknown => rows?.map((row) => row.map(({ name, score }) => [name, Number(score.toFixed(6))]));
const abcd = ["a", "b", "c", "d"];

test("the best classes of each row, best first, of equal ones the earlier", () => {
  expect(plain(classesOf(named(abcd), scores([2, 4], 0.25, 0.5, 0, 0.25, 3, 1, 4, 1), 3))).toEqual([[["b", 0.5], ["a", 0.25], ["d", 0.25]], [["c", 4], ["a", 3], ["b", 1]]]);
  expect(plain(classesOf(named(abcd), scores([4], 1, 2, 3, 4), 1))).toEqual([[["d", 4]]]);
  expect(plain(classesOf(named(abcd), scores([1, 1, 1, 4], 1, 2, 3, 4), 9))).toEqual([[["d", 4], ["c", 3], ["b", 2], ["a", 1]]]);
  expect(classesOf(named(abcd), scores([0, 4]), 5)).toEqual([]);
});

test("of many classes, as a sort of all of them would have it", () => {
  const values = Array.from({ length: 1000 }, (_, at) => Math.fround(Math.sin(at * at)));
  const names = values.map((_, at) => String(at));
  const sorted = values.map((score, at) => ({ name: names[at], score })).sort((a, b) => b.score - a.score);
  expect(classesOf(named(names), scores([1, 1000], ...values), 7)).toEqual([sorted.slice(0, 7)]);
});

test("NaN is behind every number, and each row has as many", () => {
  expect(plain(classesOf(named(abcd), scores([1, 4], NaN, -Infinity, NaN, 1), 3))).toEqual([[["d", 1], ["b", -Infinity], ["a", NaN]]]);
});

test("logits become what the activation makes of them, whatever their size", () => {
  expect(plain(classesOf(named(["a", "b"], "softmax"), scores([2, 2], 0, Math.log(3), 1000, 1000), 2))).toEqual([[["b", 0.75], ["a", 0.25]], [["a", 0.5], ["b", 0.5]]]);
  expect(plain(classesOf(named(["a", "b"], "sigmoid"), scores([1, 2], 0, Math.log(3)), 2))).toEqual([[["b", 0.75], ["a", 0.5]]]);
});

test("one score for two names is that of the second", () => {
  expect(plain(classesOf(named(["cat", "dog"]), scores([2, 1], 0.9, 0.2), 2))).toEqual([[["dog", 0.9], ["cat", 0.1]], [["cat", 0.8], ["dog", 0.2]]]);
  expect(plain(classesOf(named(["cat", "dog"], "sigmoid"), scores([1, 1], Math.log(3)), 1))).toEqual([[["dog", 0.75]]]);
});

test.each<[string, Tensor]>([
  ["other scores than names", scores([1, 3], 1, 2, 3)],
  ["a map of scores", scores([1, 2, 4], 1, 2, 3, 4, 5, 6, 7, 8)],
  ["one for all", scores([], 1)],
  ["whole numbers", { dtype: "int32", shape: [4], data: Int32Array.of(1, 2, 3, 4) }],
])("%s have no names", (_, tensor) => {
  expect(classesOf(named(abcd), tensor, 5)).toBeUndefined();
});

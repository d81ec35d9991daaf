import { expect, test } from "vitest";
import { AnswerWriter, readAnswers, readRuns, RunWriter } from "../../../edge/engine-codec.ts";
import type { EngineTensor } from "../../../engine/feeds.ts";
import { AshoreError } from "../../../protocol/errors.ts";

const TENSORS: EngineTensor[] = [
  { dtype: "float32", shape: [], data: Float32Array.of(Math.PI) },
  { dtype: "float32", shape: [0, 3], data: new Float32Array() },
  { dtype: "float32", shape: [3, 1], data: Float32Array.of(Number.NaN, -0, 1e-40) },
  { dtype: "int32", shape: [3], data: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1) },
  { dtype: "bool", shape: [5], data: Uint8Array.of(1, 0, 1, 1, 0) },
  { dtype: "complex64", shape: [2], data: Float32Array.of(1, -2, 3, -4) },
  { dtype: "string", shape: [2], data: [Uint8Array.of(0xff, 0), new Uint8Array()] },
  { dtype: "float32", shape: [40, 50], data: Float32Array.from({ length: 2000 }, (_, i) => i / 3) },
  { dtype: "int32", shape: [1025], data: Int32Array.from({ length: 1025 }, (_, i) => -i) },
  { dtype: "bool", shape: [5000], data: Uint8Array.from({ length: 5000 }, (_, i) => i % 2) },
];

/** As a message between threads does it. */
const posted = <T>({ message, transfer }: { message: T; transfer: ArrayBuffer[] }): T => structuredClone(message, { transfer });

test("requests come out of a message as they went in, and stay the caller's", () => {
  const requests = TENSORS.map((tensor, i) => ({ feeds: { "scope/x:0": tensor, [`other${i}:1`]: TENSORS[(i + 3) % TENSORS.length] ?? tensor }, fetches: [`y${i}:0`, "z:0"] }));
  const writer = new RunWriter();
  const before = structuredClone(requests);
  for (let round = 0; round < 3; round++) expect([...readRuns(posted(writer.write(requests)))]).toEqual(before);
  expect(requests).toEqual(before);
});

test("more than the tape's first length fits", () => {
  const requests = Array.from({ length: 500 }, (_, i) => ({ feeds: { x: { dtype: "float32" as const, shape: [7], data: new Float32Array(7).fill(i) } }, fetches: ["y"] }));
  expect([...readRuns(posted(new RunWriter().write(requests)))]).toEqual(requests);
});

test("answers and errors come in order, each with memory of its own, one asked for twice too", () => {
  const writer = new AnswerWriter();
  const expected = structuredClone(TENSORS);
  expect(writer.isEmpty).toBe(true);
  TENSORS.forEach((tensor, i) => {
    if (i % 3 === 0) writer.fail(new AshoreError("INVALID_ARGUMENT", `no ${i}`));
    writer.answer(["a", "a"], { a: tensor });
  });
  const answers = [...readAnswers(posted(writer.take(3)))];
  expect(writer.isEmpty).toBe(true);
  const errors = answers.filter((answer) => answer instanceof AshoreError);
  expect(errors.map(({ code, message }) => `${code} ${message}`)).toEqual([0, 3, 6, 9].map((i) => `INVALID_ARGUMENT no ${i}`));
  const tensors = answers.filter((answer) => !(answer instanceof AshoreError));
  expect(tensors).toEqual(expected.map((tensor) => [tensor, tensor]));
  for (const { dtype, data } of tensors.flat() as EngineTensor[]) if (dtype !== "string") expect(data.byteLength).toBe(data.buffer.byteLength);
});

test("of a view into a large buffer only the view travels", () => {
  const large = new Float32Array(1_000_000);
  const text = new Uint8Array(1_000_000).subarray(5, 8);
  const feeds = { small: { dtype: "float32", shape: [2], data: large.subarray(1, 3) }, middle: { dtype: "float32", shape: [2000], data: large.subarray(0, 2000) }, text: { dtype: "string", shape: [1], data: [text] } } as const;
  const { message } = new RunWriter().write([{ feeds, fetches: [] }]);
  const sizes = message.tape.beside.map((data) => (ArrayBuffer.isView(data) ? data.buffer.byteLength : (data[0]?.buffer.byteLength ?? 0)));
  expect(sizes).toEqual([8000, 3]);
  expect(large).toHaveLength(1_000_000);
});

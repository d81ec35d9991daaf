import { expect, test } from "vitest";
import type { AskOptions } from "../../../client/requests.ts";
import { createModel } from "../../../client/model.ts";
import type { Connection } from "../../../client/connection.ts";
import type { ModelSelection } from "../../../client/types.ts";
import type { HostRequest } from "../../../protocol/messages.ts";
import { FakeAsker, fakeNews, fakePixels } from "./fakes.ts";

const ANSWER = { outputs: { y: { dtype: "float32", shape: [1], data: new Float32Array(1) } }, version: 3, backend: "wasm", servedBy: "device" };

function connected(): { readonly connection: Connection; readonly asked: { readonly request: HostRequest; readonly options: AskOptions }[] } {
  const asked: { readonly request: HostRequest; readonly options: AskOptions }[] = [];
  const asker = new FakeAsker((request, options) => {
    asked.push({ request, options });
    return ANSWER;
  });
  return { connection: { asker, news: fakeNews().news, siteKept: Promise.resolve(), readPixels: fakePixels, closing: new AbortController().signal }, asked };
}

test("a request names model, version or label and signature def; tensors and nested arrays go as they are", async () => {
  const { connection, asked } = connected();
  const image = { dtype: "float32" as const, shape: [4], data: new Float32Array([1, 2, 3, 4]) };
  const answer = await createModel(connection, "digits", { label: "stable" }).predict({ image, names: [["a"], ["b"]] }, { signatureDef: "classify" });
  expect(answer).toEqual(ANSWER);
  expect(asked[0]?.request).toEqual({ type: "predict", model: "digits", version: undefined, label: "stable", signatureDef: "classify", inputs: { image, names: [["a"], ["b"]] } });
  expect(asked[0]?.options.transfer).toBeUndefined();
});

test("a view of a part of a buffer does not carry the rest of it", async () => {
  const { connection, asked } = connected();
  const whole = new Float32Array(1000).fill(7);
  await createModel(connection, "digits").predict({ x: { dtype: "float32", shape: [2], data: whole.subarray(10, 12) } });
  const sent = asked.map(({ request }) => (request as Extract<HostRequest, { type: "predict" }>).inputs["x"] as { readonly data: Float32Array });
  expect(sent.map(({ data }) => [data.buffer.byteLength, [...data]])).toEqual([[8, [7, 7]]]);
});

test("with `transfer` every buffer is given away once", async () => {
  const { connection, asked } = connected();
  const data = new Float32Array(2);
  const text = new Uint8Array([65]);
  const x = { dtype: "float32" as const, shape: [2], data };
  await createModel(connection, "digits").predict({ x, again: x, s: { dtype: "string", shape: [1], data: [text] }, n: [1, 2] }, { transfer: true });
  expect(asked[0]?.options.transfer).toEqual([data.buffer, text.buffer]);
});

test.each<[{ readonly name: string; readonly selection?: ModelSelection }, string]>([
  [{ name: "../x" }, "NAME_INVALID"],
  [{ name: "digits", selection: { version: 0 } }, "VERSION_INVALID"],
  [{ name: "digits", selection: { label: "a/b" } }, "NAME_INVALID"],
  [{ name: "digits", selection: { version: 1, label: "stable" } }, "INVALID_ARGUMENT"],
])("%j is refused with %s", ({ name, selection }, code) => {
  expect(() => createModel(connected().connection, name, selection)).toThrowError(expect.objectContaining({ code }) as Error);
});

test("images are read in the page, one or several, and go as pixels; tensors and numbers are none", async () => {
  const { connection, asked } = connected();
  const image = { width: 2, height: 1 };
  const pixels = { width: 1, height: 1, data: new Uint8ClampedArray(4) };
  const bytes = new Uint8Array([0xff, 0xd8]);
  await createModel(connection, "digits").predict({ image, several: [image, pixels], bytes, numbers: [[1]], none: [] }, { topK: 2 });
  const [read] = [{ width: 2, height: 1, data: new Uint8ClampedArray(8) }];
  expect(asked[0]?.request).toMatchObject({ topK: 2, inputs: { image: read, several: [read, pixels], bytes, numbers: [[1]], none: [] } });
  await createModel(connection, "digits").predict({ several: [pixels] }, { transfer: true });
  expect(asked[1]?.options.transfer).toEqual([pixels.data.buffer]);
});

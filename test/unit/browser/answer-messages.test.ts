import { MessageChannel } from "node:worker_threads";
import { expect, test } from "vitest";
import { answerMessage, type AnswerOptions, type AnswerPort } from "../../../browser/answer-messages.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import type { HostAnswer } from "../../../protocol/messages.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { deferred } from "../activate/deferred.ts";

type Host = AnswerOptions["host"];

const unasked = (): Promise<never> => Promise.reject(new AshoreError("INTERNAL", "not asked for"));
const nothing: Host = { hello: unasked, predict: unasked, models: unasked, sync: unasked, settle: unasked, improve: unasked, stored: unasked, remove: unasked };
const predict = { type: "predict", model: "m", inputs: { x: { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) } } };

/** Asks, and collects what comes over the port until the last answer. */
async function ask(data: unknown, options: Partial<AnswerOptions> = {}, meanwhile: (cancel: (message: unknown) => void) => Promise<void> = async () => undefined): Promise<HostAnswer[]> {
  const { port1, port2 } = new MessageChannel();
  const answers: HostAnswer[] = [];
  const last = new Promise<void>((resolve) => {
    port1.on("message", (answer: HostAnswer) => {
      answers.push(answer);
      if (answer.type !== "taken") resolve();
    });
  });
  const answered = answerMessage({ data, ports: [port2 as unknown as AnswerPort] }, { host: nothing, life: Promise.resolve("life"), ...options });
  await meanwhile((message) => port1.postMessage(message));
  await answered;
  await last;
  port1.close();
  return answers;
}

const envelope = (request: unknown, ashore: unknown = 1): unknown => ({ ashore, request });

test("says first who took the request, then the value", async () => {
  const models = [{ name: modelName("m"), versions: [] }];
  expect(await ask(envelope({ type: "models" }), { host: { ...nothing, models: async () => models } })).toEqual([
    { type: "taken", ashore: 1, life: "life" },
    { type: "done", value: models },
  ]);
});

test("outputs move to the page instead of being copied", async () => {
  const y = Float32Array.of(3, 4);
  const host: Host = { ...nothing, predict: async ({ inputs }) => ({ outputs: { y: { dtype: "float32", shape: [2], data: y }, same: { dtype: "float32", shape: [2], data: y } }, version: version(1), backend: "cpu", servedBy: inputs["x"] === undefined ? "server" : "device" }) };
  const [, done] = await ask(envelope(predict), { host });
  expect(done).toMatchObject({ type: "done", value: { outputs: { y: { data: Float32Array.of(3, 4) } }, servedBy: "device" } });
  expect(y.byteLength).toBe(0);
});

test("a cancel aborts what runs, with the page's reason", async () => {
  const began = deferred();
  const host: Host = {
    ...nothing,
    predict: (_, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener("abort", () => reject(options.signal?.reason as Error));
        began.resolve();
      }),
  };
  const answers = await ask(envelope(predict), { host }, async (cancel) => {
    await began.promise;
    cancel({ type: "cancel", error: "nonsense" });
    cancel({ type: "cancel", error: { code: "DEADLINE_EXCEEDED", message: "Too late.", causes: [] } });
  });
  expect(answers[1]).toEqual({ type: "failed", error: { code: "DEADLINE_EXCEEDED", message: "Too late.", causes: [] } });
});

test.each<{ what: string; data: unknown; code: string; says: RegExp }>([
  { what: "an older page", data: envelope({ type: "models" }, 0), code: "PROTOCOL_MISMATCH", says: /page is of an older release: reload it/ },
  { what: "a newer page", data: envelope({ type: "models" }, 2), code: "PROTOCOL_MISMATCH", says: /worker is of an older release/ },
  { what: "no protocol", data: envelope({ type: "models" }, "one"), code: "PROTOCOL_MISMATCH", says: /an unknown one/ },
  { what: "an unknown request", data: envelope({ type: "dance" }), code: "PROTOCOL_MISMATCH", says: /no request "dance"/ },
  { what: "no request", data: envelope(null), code: "PROTOCOL_MISMATCH", says: /no request/ },
  { what: "a relative server", data: envelope({ type: "hello", server: "/x", models: "all", fallback: "none" }), code: "INVALID_ARGUMENT", says: /server must be an absolute http or https URL/ },
  { what: "another scheme", data: envelope({ type: "hello", server: "file:///x", models: "all", fallback: "none" }), code: "INVALID_ARGUMENT", says: /absolute/ },
  { what: "credentials in the URL", data: envelope({ type: "hello", server: "https://me:pass@x", models: "all", fallback: "none" }), code: "INVALID_ARGUMENT", says: /credentials/ },
  { what: "a name that is none", data: envelope({ type: "hello", server: "https://x", models: ["a/b"], fallback: "none" }), code: "INVALID_ARGUMENT", says: /models/ },
  { what: "too many models", data: envelope({ type: "hello", server: "https://x", models: Array.from({ length: 257 }, (_, at) => `m${at}`), fallback: "none" }), code: "INVALID_ARGUMENT", says: /models/ },
  { what: "a tensor without data", data: envelope({ ...predict, inputs: { x: { dtype: "float32", shape: [1] } } }), code: "INVALID_ARGUMENT", says: /inputs/ },
  { what: "a negative size", data: envelope({ ...predict, inputs: { x: { dtype: "float32", shape: [-1], data: new Float32Array(1) } } }), code: "INVALID_ARGUMENT", says: /inputs/ },
  { what: "a version that is none", data: envelope({ ...predict, version: 1.5 }), code: "INVALID_ARGUMENT", says: /version/ },
  { what: "a site in a worker that keeps none", data: envelope({ type: "keep-site", urls: [] }), code: "UNIMPLEMENTED", says: /prebuilt/ },
])("$what is refused: $code", async ({ data, code, says }) => {
  expect(await ask(data)).toEqual([
    { type: "taken", ashore: 1, life: "life" },
    { type: "failed", error: { code, message: expect.stringMatching(says) as string, causes: [] } },
  ]);
});

test("others' messages are left to others", () => {
  const { port2 } = new MessageChannel();
  const options: AnswerOptions = { host: nothing, life: Promise.resolve("life") };
  const ports = [port2 as unknown as AnswerPort];
  for (const data of [{ type: "SKIP_WAITING" }, "text", null, undefined, 5, []]) expect(answerMessage({ data, ports }, options)).toBeUndefined();
  expect(answerMessage({ data: envelope({ type: "models" }), ports: [] }, options)).toBeUndefined();
  port2.close();
});

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerRest } from "../../../edge/rest-listener.ts";
import type { RestCore } from "../../../runtime/index.ts";
import { askHttp } from "./ask-http.ts";
import { allCases, type Question, type Reply } from "./asking.ts";
import { createEchoService } from "./echo-service.ts";

const cases = await allCases();
let plain: RestCore;
let open: RestCore;
beforeAll(async () => {
  [plain, open] = await Promise.all([createEchoService(), createEchoService({ cors: true })]);
});
afterAll(() => {
  plain.close();
  open.close();
});

const serviceOf = ({ cors }: Question): RestCore => (cors ? open : plain);

async function askCore(question: Question): Promise<Reply> {
  const { status, headers, body } = await serviceOf(question).handle({ ...question, body: () => Uint8Array.from(question.body) });
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  // A host sends no body to HEAD.
  return { status, headers: lower, text: question.method === "HEAD" ? "" : text };
}

test("there is a vector for each row that the specification has", () => {
  expect(cases.length).toBeGreaterThan(250);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});

describe("the handler", () => {
  test.each(cases)("$name", async ({ question, shown, expected }) => {
    expect(shown(await askCore(question))).toEqual(expected);
  });
});

describe("the handler behind node:http", () => {
  const server = createServer((message, response) => void answerRest((...args) => (message.headers["x-cors"] === undefined ? plain : open).handle(...args), message, response));
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => void server.close());

  test.each(cases)("$name", async ({ question, shown, expected }) => {
    expect(shown(await askHttp(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, question))).toEqual(expected);
  });
});

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { READ_VECTORS, WRITE_VECTORS } from "./vectors.ts";

const PROGRAM = fileURLToPath(new URL("../rest-codec", import.meta.url));

interface Answer {
  readonly status: number;
  readonly error?: string;
  readonly format?: string;
  readonly tensors?: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[]; readonly data: readonly unknown[] }[];
  readonly body?: string | { readonly b64: string };
}

/** The program's answers, one a line, to requests of one a line. */
async function ask(requests: readonly object[]): Promise<Answer[]> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(""));
  let output = "";
  for await (const chunk of child.stdout.setEncoding("utf8") as AsyncIterable<string>) output += chunk;
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

function shown({ status, error, format, tensors = [] }: Answer): string {
  if (error !== undefined) return `${status} ${error}`;
  const named = tensors.map(({ name, dtype, shape, data }) => {
    const elements = data.map((element) => (dtype === "string" ? `'${textOf(element)}'` : Object.is(element, -0) ? "-0" : String(element)));
    return `${name} ${dtype}[${shape.join(",")}]=(${elements.join(",")})`;
  });
  return [format, ...named].join(" ");
}

/** A string element; what is not UTF-8 shows as U+FFFD. */
function textOf(element: unknown): string {
  return typeof element === "string" ? element : Buffer.from((element as { readonly b64: string }).b64, "base64").toString();
}

test("the program is built on dist/protocol.js", () => {
  expect(existsSync(new URL("../../../dist/protocol.js", import.meta.url))).toBe(true);
});

describe("requests, by section 10", () => {
  let answers: Answer[] = [];
  beforeAll(async () => {
    const requests = READ_VECTORS.map(([, inputs, body]) => ({
      inputs: inputs.split(",").map((input) => ({ name: input.split(":")[0], dtype: input.split(":")[1] })),
      body,
    }));
    answers = await ask(requests);
  });

  test.each(READ_VECTORS.map((vector, index) => [...vector, index] as const))("%s %s %s", (_clause, _inputs, _body, expected, index) => {
    const answer = answers[index];
    expect(answer && shown(answer)).toBe(expected);
  });
});

describe("answers, by section 10.1", () => {
  let answers: Answer[] = [];
  beforeAll(async () => {
    const requests = WRITE_VECTORS.map(({ outputs, format }) => ({
      outputs: outputs.map(([name, dtype, shape, data]) => ({ name, dtype, shape, data })),
      format,
    }));
    answers = await ask(requests);
  });

  test.each(WRITE_VECTORS.map((vector, index) => ({ ...vector, index })))("$clause", ({ expected, index }) => {
    const answer = answers[index];
    expect(answer?.error === undefined ? String(answer?.body).replace(/\s/g, "") : `${answer.status} ${answer.error}`).toBe(expected);
  });
});

test("what JSON cannot say plainly is said as DESIGN section 9 has it", async () => {
  const [floats, integers, bytes, body, other, broken] = await ask([
    { inputs: [{ name: "x", dtype: "float" }], body: '{"instances":[NaN,-Infinity,-0.0,0.1]}' },
    { inputs: [{ name: "x", dtype: "uint64" }], body: '{"inputs":18446744073709551615}' },
    { inputs: [{ name: "x", dtype: "string" }], body: '{"inputs":["text",{"b64":"/w=="}]}' },
    { outputs: [{ name: "raw", dtype: "string", shape: [1], data: [{ b64: "/w==" }] }], format: "row" },
    { inputs: [{ name: "x", dtype: "float" }], body: '{"signature_name":"other"}' },
    "not an object",
  ] as object[]);
  expect(floats?.tensors?.[0]?.data).toEqual(["NaN", "-Infinity", -0, Math.fround(0.1)]);
  expect(integers?.tensors?.[0]?.data).toEqual(["18446744073709551615"]);
  expect(bytes?.tensors?.[0]?.data).toEqual(["text", { b64: "/w==" }]);
  expect(body?.body).toHaveProperty("b64");
  expect(other).toEqual({ status: 400, error: 'Serving signature name: "other" not found in signature def' });
  expect(broken?.error).toBeDefined();
});

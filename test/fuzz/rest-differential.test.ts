import { describe, expect, test } from "vitest";
import { AshoreError, httpStatus } from "../../protocol/errors.ts";
import { parseRequestBody, readPredictInputs, serializeExamples, readExamples } from "../../protocol/rest/index.ts";
import { rawBytes } from "../../protocol/rest/raw-text.ts";
import { signature } from "../unit/rest/support.ts";
import { Refused } from "./plain-json.ts";
import { plainRequest, shown } from "./plain-rest.ts";
import { rounds } from "./random.ts";
import { anyExamplesBody, anyRequest } from "./rest-bodies.ts";

/** The REST decoder against a second reading of the same specification, on bodies that a grammar makes and mutation breaks. */

const ROUNDS = process.env["ASHORE_LONG"] === "1" ? 500_000 : 30_000;
const MOST_MS = 600_000;

interface Outcome {
  readonly status: number;
  /** One character for each byte. */
  readonly message?: string;
  readonly said?: string;
}

function ours(inputs: string, body: Uint8Array): Outcome {
  try {
    const parsed = parseRequestBody(body);
    if (parsed.signatureName !== "" && parsed.signatureName !== "serving_default") {
      throw new AshoreError("INVALID_ARGUMENT", `Serving signature name: "${parsed.signatureName}" not found in signature def`);
    }
    const { format, tensors } = readPredictInputs(parsed, signature(inputs), { undigested: true });
    const printed = Object.entries(tensors).map(([name, { shape, data }]) => [latin1(rawBytes(name)), shape.join(","), Array.from<unknown>(data).map(elementText).join("|")].join(" "));
    return { status: 200, said: [format, ...printed.sort()].join("\n") };
  } catch (thrown) {
    if (!(thrown instanceof AshoreError)) throw thrown;
    return { status: httpStatus(thrown.code), message: latin1(rawBytes(thrown.message)) };
  }
}

function plain(inputs: string, body: Uint8Array): Outcome {
  try {
    const list = inputs.split(",").map((input) => ({ name: latin1(Buffer.from(input.split(":")[0] ?? "")), dtype: input.split(":")[1] ?? "" }));
    const { format, tensors } = plainRequest(list, latin1(body));
    return { status: 200, said: [format, ...tensors.map(({ name, shape, elements }) => [name, shape.join(","), elements.join("|")].join(" ")).sort()].join("\n") };
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    return { status: thrown.status, message: thrown.message };
  }
}

function elementText(element: unknown): string {
  if (element instanceof Uint8Array) return latin1(element);
  return typeof element === "number" ? shown(element) : String(element);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/**
 * Whether two readings say the same. Floating-point numbers in messages may differ in their last places, where RapidJSON's own, which
 * messages repeat, are off; a message that is cut at 256 bytes may then be cut elsewhere.
 */
function agree(one: Outcome, other: Outcome): boolean {
  if (one.status !== other.status || one.said !== other.said) return false;
  const pieces = [one, other].map(({ message = "" }) => message.split(/(-?\d+(?:\.\d+(?:e-?\d+)?|e-?\d+))/));
  const [ours = [], theirs = []] = pieces;
  let length = 0;
  let drifted = false;
  for (const [index, piece] of ours.entries()) {
    const twin = theirs[index] ?? "";
    if (piece !== twin) {
      const isNear = index % 2 === 1 && Math.abs(Number(piece) - Number(twin)) <= 1e-14 * Math.abs(Number(twin));
      if (!isNear) return drifted && length + commonLength(piece, twin) > 150;
      drifted = true;
    }
    length += piece.length;
  }
  return ours.length === theirs.length || (drifted && length > 150);
}

function commonLength(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

test("one reading of a predict request says what the other says", async () => {
  const statuses = new Map<number, number>();
  await rounds(ROUNDS, 71, (random) => {
    const { inputs, body } = anyRequest(random);
    const one = ours(inputs, body);
    statuses.set(one.status, (statuses.get(one.status) ?? 0) + 1);
    const other = plain(inputs, body);
    if (!agree(one, other)) expect(one, `${inputs} ${JSON.stringify(latin1(body))}`).toEqual(other);
  });
  // Each kind of answer is among them, or the grammar has gone astray.
  for (const [status, share] of [[200, 0.1], [400, 0.3], [501, 0.005]] as const) expect((statuses.get(status) ?? 0) / ROUNDS, `status ${status}`).toBeGreaterThan(share);
}, MOST_MS);

test("classify and regress bodies are taken or refused, and never anything else", async () => {
  let taken = 0;
  await rounds(ROUNDS / 5, 72, (random) => {
    const body = anyExamplesBody(random);
    try {
      const { shape, data } = serializeExamples(readExamples(parseRequestBody(body)));
      expect(data.length).toBe(shape[0]);
      taken++;
    } catch (thrown) {
      if (!(thrown instanceof AshoreError)) throw thrown;
      expect([400, 501]).toContain(httpStatus(thrown.code));
    }
  });
  expect(taken).toBeGreaterThan(ROUNDS / 50);
}, MOST_MS);

describe("memory", () => {
  const repeated = (piece: string) => (): string => piece.repeat(Math.ceil(400_000 / piece.length));
  test.each([
    ["opened lists", repeated("[")],
    ["empty lists", () => `[${repeated("[],")()}[]]`],
    ["empty objects", () => `[${repeated("{},")()}{}]`],
    ["short keys", () => `{${repeated('"":0,')()}"":0}`],
    ["digits", () => `{"instances":[${repeated("0,")()}0]}`],
    ["lists of digits", () => `{"instances":[${repeated("[0],")()}[0]]}`],
    ["lists of two lengths", () => `{"instances":[${repeated("[0],[1,2],")()}[0]]}`],
    ["one long number", () => `{"instances":[1${repeated("0")()}]}`],
    ["one long string", () => `{"instances":["${repeated("é")()}"]}`],
    ["escapes", () => `{"instances":["${repeated("\\n")()}"]}`],
  ])("of %s is at most some dozens of bytes for each of the body's", (_, make) => {
    const body = new TextEncoder().encode(make());
    const held = (): number => {
      try {
        const { document } = parseRequestBody(body);
        return document.words.buffer.byteLength + document.values.buffer.byteLength;
      } catch {
        return 0;
      }
    };
    expect(held()).toBeLessThan(40 * body.length);
    expect(() => readPredictInputs(parseRequestBody(body), { x: { dtype: "float32" } })).toSatisfy((act: () => unknown) => {
      try {
        act();
        return true;
      } catch (thrown) {
        return thrown instanceof AshoreError;
      }
    });
  });
});


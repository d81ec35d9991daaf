import { describe, expect, test } from "vitest";
import { mulberry32 } from "../../../protocol/self-test.ts";
import { parseJson } from "../../../protocol/rest/parse-json.ts";
import { readTensor } from "../../../protocol/rest/read-tensor.ts";
import { refusal } from "./support.ts";

const encoder = new TextEncoder();

/** What a value is as a tensor, or why it is none; read at once where it can be, or node by node. */
function read(json: string, dtype: "float32" | "float64" | "int32" | "int64" | "uint64" | "bool", blocks: boolean): string {
  let text = "";
  const refused = refusal(() => {
    const { shape, data } = readTensor(parseJson(encoder.encode(json), 0, blocks), 0, { dtype, carried: dtype });
    text = `[${shape.join(",")}] ${Array.from<unknown>(data).map((value) => (Object.is(value, -0) ? "-0" : String(value))).join(" ")}`;
  });
  return text === "" ? refused : text;
}

describe("numbers read many at once", () => {
  test("say the same as numbers read one by one, whatever the text", () => {
    const random = mulberry32(5);
    for (let round = 0; round < 4000; round++) {
      const json = someArray(random);
      for (const dtype of ["float32", "float64", "int32", "int64", "uint64", "bool"] as const) {
        expect(read(json, dtype, true), json).toBe(read(json, dtype, false));
      }
    }
  });

  test("are blocks where they are regular, and nowhere else", () => {
    const blocksOf = (json: string) => parseJson(encoder.encode(json), 0, true).blocks.map(({ shape }) => shape);
    expect(blocksOf("[[1, 2.5] , [-3e2,NaN]]")).toEqual([[2, 2]]);
    expect(blocksOf('{"a":[[]],"b":[1],"c":[[1],[2,3]],"d":["x",[1,2]]}')).toEqual([[1, 0], [1], [2]]);
    expect(blocksOf(`${"[".repeat(33)}1${"]".repeat(33)}`)).toEqual([[1]]);
  });
});

function someArray(random: () => number): string {
  const pick = <T>(list: readonly [T, ...T[]]): T => list[Math.floor(random() * list.length)] ?? list[0];
  const space = () => (random() < 0.1 ? pick([" ", "\n", "\t ", "\r\n"]) : "");
  const number = () =>
    pick([
      () => String(Math.floor(random() * 512) - 128),
      () => (random() * 2 - 1).toPrecision(1 + Math.floor(random() * 20)),
      () => ((random() - 0.5) * 10 ** (random() * 60 - 30)).toExponential(Math.floor(random() * 17)),
      () => String(BigInt(Math.floor(random() * 2 ** 32)) * BigInt(Math.floor(random() * 2 ** 32))),
      () => pick(["-0", "-0.0", "NaN", "-Inf", "0", "1e-5", "1e5", "12345678.5", "9007199254740993", "18446744073709551615", "1e-320", "0.000000001"]),
      () => pick(["0", "1", "true", "01", "1.", "1e309", '"x"', "[]", "null", "-", "{}"]),
    ])();
  const shape = Array.from({ length: 1 + Math.floor(random() * 3) }, () => Math.floor(random() * 4));
  const plain = random() < 0.7 ? number() : undefined;
  const build = (level: number): string => {
    const size = shape[level];
    if (size === undefined) return plain !== undefined && random() < 0.8 ? plain : number();
    const ragged = random() < 0.03 ? 1 : 0;
    return `[${space()}${Array.from({ length: size + ragged }, () => build(random() < 0.02 ? level + 2 : level + 1)).join(`${space()},${space()}`)}${space()}]`;
  };
  const json = build(0);
  return random() < 0.05 ? json.slice(0, Math.floor(random() * json.length)) : json;
}

import { AshoreError } from "../../../protocol/errors.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

/** What InitializeTableFromTextFileV2 makes of a file's lines. */
export interface VocabularyFormat {
  readonly key: VocabularyColumn;
  readonly value: VocabularyColumn;
  /** How many lines are taken; -1 for all. */
  readonly size: number;
  readonly delimiter: string;
  /** What is added to the number of a line. */
  readonly offset: number;
}

export interface VocabularyColumn {
  /** -1: the number of the line; -2: the whole line; else a column. */
  readonly index: number;
  /** `DT_STRING`, … */
  readonly type: string;
}

const LINE_NUMBER = -1;
const WHOLE_LINE = -2;

/**
 * Keys and values of a table from its file, as TensorFlow reads it (`lookup_util.cc`).
 * @throws MODEL_MALFORMED
 */
export function readVocabulary(bytes: Uint8Array, format: VocabularyFormat, what: string): { readonly keys: Tensor; readonly values: Tensor } {
  const lines = linesOf(bytes);
  const { size } = format;
  if (size > lines.length) throw new AshoreError("MODEL_MALFORMED", `${what} has ${lines.length} lines where its table takes ${size}.`);
  const taken = size < 0 ? lines : lines.slice(0, size);
  taken.forEach((line, at) => {
    if (line === "") throw new AshoreError("MODEL_MALFORMED", `${what} has an empty line, number ${at + 1}, which no table takes.`);
  });
  return { keys: columnOf(taken, format.key, format, what), values: columnOf(taken, format.value, format, what) };
}

/** Lines as Latin-1, so that every byte is one character; TensorFlow passes over every carriage return. */
function linesOf(bytes: Uint8Array): string[] {
  const lines = Buffer.from(bytes).toString("latin1").replaceAll("\r", "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function columnOf(lines: readonly string[], { index, type }: VocabularyColumn, { delimiter, offset }: VocabularyFormat, what: string): Tensor {
  const texts = lines.map((line, at) => {
    if (index === LINE_NUMBER) return String(at + offset);
    const text = index === WHOLE_LINE ? line : line.split(delimiter)[index];
    if (text === undefined) throw new AshoreError("MODEL_MALFORMED", `${what} has no column ${index} in line ${at + 1}.`);
    return text;
  });
  const shape = [texts.length];
  const numbers = (): number[] =>
    texts.map((text, at) => {
      const number = Number(text);
      if (text.trim() === "" || Number.isNaN(number)) throw new AshoreError("MODEL_MALFORMED", `${what} has ${JSON.stringify(text)} in line ${at + 1} where a number must be.`);
      return number;
    });
  switch (type) {
    case "DT_STRING":
      return { dtype: "string", shape, data: texts.map((text) => new Uint8Array(Buffer.from(text, "latin1"))) };
    case "DT_INT64":
      return { dtype: "int64", shape, data: BigInt64Array.from(numbers(), (number) => BigInt(Math.trunc(number))) };
    case "DT_INT32":
      return { dtype: "int32", shape, data: Int32Array.from(numbers()) };
    case "DT_FLOAT":
      return { dtype: "float32", shape, data: Float32Array.from(numbers()) };
    case "DT_DOUBLE":
      return { dtype: "float64", shape, data: Float64Array.from(numbers()) };
    default:
      throw new AshoreError("MODEL_MALFORMED", `${what} fills a table of ${type}, which files are not read as.`);
  }
}

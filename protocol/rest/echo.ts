import { LIMITS } from "../limits.ts";
import { ByteWriter } from "./byte-writer.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";
import { unfold } from "./parse-json.ts";
import { quickDouble } from "./quick-double.ts";
import { rawText } from "./raw-text.ts";
import { shortestDouble } from "./shortest-double.ts";
import { writeString } from "./write-string.ts";

const INDENT = "    ";

/**
 * A JSON value as TensorFlow Serving's messages repeat it: objects over several lines, arrays on one, and no further token
 * once 256 bytes are written. It ends before the first NaN or infinity, which its printer refuses.
 */
export function echo(tape: JsonTape, node: number): string {
  const out = new ByteWriter(LIMITS.echoBytes * 2);
  writeValue(out, tape, node, 0);
  return rawText(out.bytes.subarray(0, out.length));
}

/**
 * Whether the value was written whole. A token and the separator before it are one: whoever writes the separator looks first
 * whether there is room. Depth is bounded: each level takes a byte of the 256.
 */
function writeValue(out: ByteWriter, tape: JsonTape, node: number, depth: number): boolean {
  switch (tape.kind(node)) {
    case KIND.object:
      return writeObject(out, tape, node, depth);
    case KIND.array:
      return writeArray(out, tape, node, depth);
    case KIND.block: {
      const list = unfold(tape, node);
      return writeArray(out, list.tape, list.node, depth);
    }
    case KIND.string:
    case KIND.escapedString:
      writeString(out, tape.string(node));
      return true;
    case KIND.integer:
      out.ascii(String(tape.bigint(node)));
      return true;
    case KIND.double: {
      const literal = tape.literal(node);
      const value = /[NI]/.test(literal) ? Number.NaN : quickDouble(literal);
      if (!Number.isFinite(value)) return false;
      out.ascii(shortestDouble(value));
      return true;
    }
    default:
      out.ascii(tape.typeName(node).toLowerCase());
      return true;
  }
}

function writeArray(out: ByteWriter, tape: JsonTape, array: number, depth: number): boolean {
  out.ascii("[");
  let separator = "";
  for (const element of tape.children(array)) {
    if (isFull(out)) return false;
    out.ascii(separator);
    separator = ", ";
    if (!writeValue(out, tape, element, depth + 1)) return false;
  }
  return close(out, "]");
}

function writeObject(out: ByteWriter, tape: JsonTape, object: number, depth: number): boolean {
  out.ascii("{");
  let separator = "\n";
  for (const key of tape.children(object)) {
    if (isFull(out)) return false;
    out.ascii(separator + INDENT.repeat(depth + 1));
    separator = ",\n";
    writeString(out, tape.string(key));
    if (isFull(out)) return false;
    out.ascii(": ");
    if (!writeValue(out, tape, key + NODE_WORDS, depth + 1)) return false;
  }
  return close(out, separator === "\n" ? "}" : `\n${INDENT.repeat(depth)}}`);
}

function close(out: ByteWriter, bracket: string): boolean {
  if (isFull(out)) return false;
  out.ascii(bracket);
  return true;
}

function isFull(out: ByteWriter): boolean {
  return out.length >= LIMITS.echoBytes;
}

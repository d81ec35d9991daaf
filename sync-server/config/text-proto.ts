import protobuf from "protobufjs";
import textformat from "protobufjs/ext/textformat.js";
import { AshoreError } from "../../protocol/errors.ts";

/** Reads messages of one type from protobuf's text format; fields that are not written are absent. */
export type TextProtoReader = (text: string, file: string) => unknown;

/**
 * A reader for `message` of a `.proto` source. 64-bit integers come as numbers: one beyond 2^53 is no longer exact, and no
 * longer a safe integer.
 */
export function textProtoReader(source: string, message: string): TextProtoReader {
  const type = protobuf.parse(source, { keepCase: true }).root.lookupType(message);
  return (text, file) => {
    try {
      return type.toObject(textformat.fromText(type, text), { longs: Number });
    } catch (cause) {
      const message = messageOf(cause);
      throw new AshoreError("CONFIG_INVALID", `${file}:${lineOf(type, text, message)}: ${message.replace(/ \(line \d+\)$/, "").replace(/^\./, "")}.`, { cause });
    }
  };
}

/**
 * The line that a fault is in. The parser names it for some faults only; it stops at the first, so the shortest beginning of
 * the text with the same fault ends with the line.
 */
function lineOf(type: protobuf.Type, text: string, message: string): number {
  const named = /\(line (\d+)\)$/.exec(message)?.[1];
  if (named !== undefined) return Number(named);
  const lines = text.split("\n");
  let least = 1;
  let most = lines.length;
  while (least < most) {
    const middle = Math.floor((least + most) / 2);
    if (faultOf(type, lines.slice(0, middle).join("\n")) === message) most = middle;
    else least = middle + 1;
  }
  return least;
}

function faultOf(type: protobuf.Type, text: string): string | undefined {
  try {
    textformat.fromText(type, text);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

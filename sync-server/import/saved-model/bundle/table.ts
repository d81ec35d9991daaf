import { AshoreError } from "../../../../protocol/errors.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import { ByteCursor } from "../proto/byte-cursor.ts";
import { maskedCrc32c } from "./crc32c.ts";
import { unsnap } from "./snappy.ts";

const FOOTER_BYTES = 48;
const MAGIC = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
/** After every block: one byte that says how it is compressed, four of its checksum. */
const TRAILER_BYTES = 5;

/** Bytes as text of one character each, so that keys, which are bytes, can be those of a Map. */
export function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/**
 * A sorted table of LevelDB's format (doc/table_format.md there), read whole: keys by {@link keyText}, in order.
 * @throws MODEL_INCOMPLETE for a file without the end that every table has, MODEL_MALFORMED for one that is damaged
 */
export function readTable(file: Uint8Array<ArrayBuffer>, what: string): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const footer = file.subarray(Math.max(0, file.byteLength - FOOTER_BYTES));
  if (file.byteLength < FOOTER_BYTES || MAGIC.some((byte, at) => footer[FOOTER_BYTES - MAGIC.length + at] !== byte)) {
    throw new AshoreError("MODEL_INCOMPLETE", `${what} has ${file.byteLength} bytes and does not end as a table of variables does; it is still being copied, or was cut short.`);
  }
  const handles = new ByteCursor(footer, what);
  readHandle(handles);
  const index = readBlock(file, readHandle(handles), what);
  const table = new Map<string, Uint8Array<ArrayBuffer>>();
  let last: string | undefined;
  eachEntry(index, what, (_, handle) => {
    eachEntry(readBlock(file, readHandle(new ByteCursor(handle, what)), what), what, (key, value) => {
      // That keys ascend also keeps an index from naming one block again and again.
      if (last !== undefined && key <= last) throw new AshoreError("MODEL_MALFORMED", `${what} is damaged: its keys are not in order.`);
      last = key;
      table.set(key, value);
    });
  });
  return table;
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function readHandle(cursor: ByteCursor): Handle {
  return { offset: cursor.varint(), size: cursor.varint() };
}

function readBlock(file: Uint8Array<ArrayBuffer>, { offset, size }: Handle, what: string): Uint8Array<ArrayBuffer> {
  const end = offset + size + TRAILER_BYTES;
  if (end > file.byteLength - FOOTER_BYTES || size > LIMITS.variablesBlockBytes) {
    throw new AshoreError("MODEL_MALFORMED", `${what} is damaged: it names a block of ${size} bytes at ${offset}, and has ${file.byteLength}.`);
  }
  const body = file.subarray(offset, offset + size + 1);
  if (new DataView(file.buffer, file.byteOffset + end - 4, 4).getUint32(0, true) !== maskedCrc32c(body)) {
    throw new AshoreError("MODEL_MALFORMED", `${what} is damaged: the checksum of the block at ${offset} is wrong. Copy the model again.`);
  }
  const compression = body[size];
  if (compression === 0) return body.subarray(0, size);
  if (compression === 1) return unsnap(body.subarray(0, size), what);
  throw new AshoreError("MODEL_MALFORMED", `${what} has a block of the compression ${compression}; none (0) and Snappy (1) are known.`);
}

/** The entries of a block: each key begins as the one before it. The restart points at the end only serve to search. */
function eachEntry(block: Uint8Array<ArrayBuffer>, what: string, take: (key: string, value: Uint8Array<ArrayBuffer>) => void): void {
  const restarts = block.byteLength < 4 ? 0 : new DataView(block.buffer, block.byteOffset + block.byteLength - 4, 4).getUint32(0, true);
  const end = block.byteLength - 4 * (restarts + 1);
  if (end < 0) throw new AshoreError("MODEL_MALFORMED", `${what} is damaged: a block of ${block.byteLength} bytes has ${restarts} restart points.`);
  const cursor = new ByteCursor(block.subarray(0, end), what);
  let key = "";
  while (cursor.left > 0) {
    const shared = cursor.varint();
    const own = cursor.varint();
    const size = cursor.varint();
    if (shared > key.length) throw new AshoreError("MODEL_MALFORMED", `${what} is damaged: a key shares ${shared} bytes with one of ${key.length}.`);
    key = key.slice(0, shared) + keyText(cursor.take(own));
    take(key, cursor.take(size));
  }
}

import { AshoreError } from "../../../protocol/errors.ts";
import { maskedCrc32c } from "../saved-model/bundle/crc32c.ts";

/** Length (8 bytes) and its checksum (4) before a record's data, the data's checksum (4) behind it. */
const HEAD = 12;
const TAIL = 4;

/**
 * The records of a TFRecord file (tensorflow/core/lib/io/record_reader.h), one after the other, each with its checksums checked.
 * @param what names the file in messages
 * @throws MODEL_MALFORMED
 */
export function* tfRecords(file: Uint8Array<ArrayBuffer>, what: string): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let number = 1;
  for (let at = 0; at < file.byteLength; number++) {
    const malformed = (fault: string): AshoreError => new AshoreError("MODEL_MALFORMED", `${what} is damaged or no TFRecord file: record ${number}, at byte ${at}, ${fault}.`);
    if (at + HEAD > file.byteLength) throw malformed("is cut short");
    if (maskedCrc32c(file.subarray(at, at + 8)) !== view.getUint32(at + 8, true)) throw malformed("has a length with a wrong checksum");
    const length = view.getBigUint64(at, true);
    const from = at + HEAD;
    if (length > BigInt(file.byteLength - from - TAIL)) throw malformed("is cut short");
    const to = from + Number(length);
    const data = file.subarray(from, to);
    if (maskedCrc32c(data) !== view.getUint32(to, true)) throw malformed("has data with a wrong checksum");
    yield data;
    at = to + TAIL;
  }
}

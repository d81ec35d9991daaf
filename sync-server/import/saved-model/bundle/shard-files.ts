import type { DType } from "../../../../protocol/dtype.ts";
import { AshoreError } from "../../../../protocol/errors.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import type { TensorData } from "../../../../protocol/tensor.ts";
import { refuseOtherFiles } from "../../refuse-other-files.ts";
import type { SourceFolder } from "../../source-folder.ts";
import { numbersOf, stringsOf } from "../proto/tensor-data.ts";
import { crc32c, maskedCrc32c } from "./crc32c.ts";
import type { BundleEntry } from "./entries.ts";

/** A bundle's data files, `PREFIX.data-00000-of-00002`, each read once and when something in it is. */
export class ShardFiles {
  readonly #source: SourceFolder;
  readonly #prefix: string;
  readonly #count: number;
  readonly #files = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(source: SourceFolder, prefix: string, count: number) {
    this.#source = source;
    this.#prefix = prefix;
    this.#count = count;
  }

  /**
   * The `count` elements of an entry.
   * @throws MODEL_INCOMPLETE where the file is missing or too short, MODEL_MALFORMED where a checksum is wrong or there are not as many
   */
  async elements({ shard, offset, size, crc }: BundleEntry, dtype: DType, count: number, what: string): Promise<TensorData> {
    const path = `${this.#prefix}.data-${number(shard)}-of-${number(this.#count)}`;
    if (!(shard >= 0 && shard < this.#count && offset >= 0 && size >= 0)) throw new AshoreError("MODEL_MALFORMED", `${what} is said to be in ${path}, ${size} bytes at ${offset}, where nothing can be.`);
    const file = await this.#file(shard, path);
    if (offset + size > file.byteLength) {
      throw new AshoreError("MODEL_INCOMPLETE", `${path} in ${this.#source.path} has ${file.byteLength} bytes, and ${what} is ${size} bytes at ${offset}; the file is still being copied, or was cut short.`);
    }
    const bytes = file.subarray(offset, offset + size);
    const damaged = (): AshoreError => new AshoreError("MODEL_MALFORMED", `${what} is damaged: its checksum in ${path} is wrong. Copy the model again.`);
    if (dtype !== "string") {
      if (maskedCrc32c(bytes) !== crc) throw damaged();
      return numbersOf(dtype, bytes, count, what);
    }
    const { lengths, gap, strings } = stringsOf(bytes, count, what, 4);
    const lengthsCrc = crc32c(new Uint8Array(Uint32Array.from(lengths).buffer));
    if (new DataView(gap.buffer, gap.byteOffset, 4).getUint32(0, true) !== maskedCrc32c(new Uint8Array(), lengthsCrc)) throw damaged();
    const rest = bytes.subarray(gap.byteOffset - bytes.byteOffset);
    if (maskedCrc32c(rest, lengthsCrc) !== crc) throw damaged();
    return strings;
  }

  #file(shard: number, path: string): Promise<Uint8Array<ArrayBuffer>> {
    let file = this.#files.get(shard);
    if (file === undefined) {
      file = this.#source.read(path, LIMITS.weightsFileBytes).then((bytes) => {
        refuseOtherFiles(bytes, path, this.#source.path, "not variables");
        return bytes;
      });
      this.#files.set(shard, file);
    }
    return file;
  }
}

function number(n: number): string {
  return String(n).padStart(5, "0");
}

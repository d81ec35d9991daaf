import { DTYPES, dtypeOfProto, type DType } from "../../../../protocol/dtype.ts";
import { AshoreError } from "../../../../protocol/errors.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import { elementCount, type TensorData } from "../../../../protocol/tensor.ts";
import { refuseOtherFiles } from "../../refuse-other-files.ts";
import type { SourceFolder } from "../../source-folder.ts";
import { readBundleEntry, readShardCount, type BundleEntry } from "./entries.ts";
import { ShardFiles } from "./shard-files.ts";
import { eachRun, intersect, isInside, parseSlice, regionOf, sliceKey, wholeOf, type Region } from "./slices.ts";
import { keyText, readTable } from "./table.ts";
import type { Variables } from "../meta-graph.ts";
import { dataTypeName } from "../proto/data-types.ts";
import { ReadBudget } from "../proto/read-budget.ts";
import { zeros } from "../proto/tensor-data.ts";

const PREFIX = "variables/variables";

/**
 * The variables of a SavedModel. Data shards are read when a variable in them is.
 * @throws MODEL_INCOMPLETE where the index is missing or cut short, MODEL_MALFORMED where it is damaged, LIMIT_EXCEEDED, CANCELLED
 */
export async function openVariables(source: SourceFolder): Promise<Variables> {
  const path = `${PREFIX}.index`;
  const what = `${path} in ${source.path}`;
  const index = await source.read(path, LIMITS.variablesIndexBytes);
  refuseOtherFiles(index, path, source.path, "not an index of variables");
  const { shardCount, stored } = entriesOf(index, what);
  const shards = new ShardFiles(source, PREFIX, shardCount);
  const entries = new Map<string, { readonly type: string; readonly shape: readonly number[] }>();
  for (const [key, { dtype, shape }] of stored) {
    // What begins with 0 is a slice of another entry.
    if (!key.startsWith("\0")) entries.set(Buffer.from(key, "latin1").toString("utf8"), { type: dataTypeName(dtype), shape });
  }
  return {
    entries,
    async read(key, slice = "") {
      const about = `the variable ${JSON.stringify(key)} of ${what}`;
      const entry = stored.get(keyText(Buffer.from(key, "utf8")));
      if (entry === undefined) throw new AshoreError("MODEL_MALFORMED", `${what} has no variable ${JSON.stringify(key)}; the graph and the variables are not of one model.`);
      const dtype = dtypeOfProto(entry.dtype);
      if (dtype === undefined) throw new AshoreError("MODEL_MALFORMED", `${about} is of ${dataTypeName(entry.dtype)}, which no tensor can be here.`);
      refuseShape(entry, dtype, about);
      const wanted = parseSlice(slice, entry.shape, about);
      const parts = partsOf(key, entry, stored, about);
      const [first] = parts;
      if (first !== undefined && parts.length === 1 && slice === "") return { dtype, shape: entry.shape, data: await shards.elements(first.entry, dtype, elementCount(entry.shape), about) };
      const target = emptyTarget(dtype, elementCount(wanted.size));
      for (const { region, entry: from } of parts) {
        const common = intersect(region, wanted);
        if (common === undefined) continue;
        const elements = await shards.elements(from, dtype, elementCount(region.size), about);
        eachRun(common, region, wanted, (at, to, count) => target.copy(elements, at, to, count));
      }
      return { dtype, shape: wanted.size, data: target.data };
    },
  };
}

function entriesOf(index: Uint8Array<ArrayBuffer>, what: string): { readonly shardCount: number; readonly stored: ReadonlyMap<string, BundleEntry> } {
  const table = readTable(index, what);
  const budget = new ReadBudget(what);
  const stored = new Map<string, BundleEntry>();
  for (const [key, bytes] of table) if (key !== "") stored.set(key, readBundleEntry(bytes, budget));
  const header = table.get("");
  if (header === undefined) throw new AshoreError("MODEL_MALFORMED", `${what} has no header; it is no index of variables.`);
  return { shardCount: readShardCount(header, budget), stored };
}

function refuseShape({ shape }: BundleEntry, dtype: DType, about: string): void {
  const bytes = elementCount(shape) * Math.max(1, DTYPES[dtype].bytes);
  if (shape.length > LIMITS.tensorRank || !isInside(wholeOf(shape), shape) || Number.isNaN(bytes)) throw new AshoreError("MODEL_MALFORMED", `${about} has the shape [${shape.join(", ")}], which no tensor can have.`);
  if (bytes > LIMITS.weightsFileBytes) throw new AshoreError("LIMIT_EXCEEDED", `${about} has ${bytes} bytes; at most ${LIMITS.weightsFileBytes} are read.`);
}

/** Elements that are stored together, and which of the tensor they are. */
interface Part {
  readonly region: Region;
  readonly entry: BundleEntry;
}

function partsOf(key: string, entry: BundleEntry, stored: ReadonlyMap<string, BundleEntry>, about: string): readonly Part[] {
  if (entry.slices.length === 0) return [{ region: wholeOf(entry.shape), entry }];
  const parts = entry.slices.map((extents): Part => {
    const part = stored.get(sliceKey(key, extents));
    const region = regionOf(extents, entry.shape);
    if (part === undefined || !isInside(region, entry.shape)) throw new AshoreError("MODEL_MALFORMED", `${about} is stored in slices, and one of them is not there or outside of it.`);
    return { region, entry: part };
  });
  const covered = parts.reduce((sum, { region }) => sum + elementCount(region.size), 0);
  if (covered !== elementCount(entry.shape)) throw new AshoreError("MODEL_MALFORMED", `${about} is stored in slices of ${covered} elements altogether, and has ${elementCount(entry.shape)}.`);
  return parts;
}

interface Target {
  readonly data: TensorData;
  /** Takes over `count` elements of data of the same dtype. */
  copy(from: TensorData, fromIndex: number, toIndex: number, count: number): void;
}

function emptyTarget(dtype: DType, elements: number): Target {
  if (dtype === "string") {
    const data = new Array<Uint8Array>(elements).fill(new Uint8Array());
    return {
      data,
      copy(from, fromIndex, toIndex, count) {
        if ("buffer" in from) return;
        for (const [at, text] of from.slice(fromIndex, fromIndex + count).entries()) data[toIndex + at] = text;
      },
    };
  }
  const data = zeros(dtype, elements);
  const bytes = new Uint8Array(data.buffer);
  const width = DTYPES[dtype].bytes;
  return {
    data,
    copy(from, fromIndex, toIndex, count) {
      if ("buffer" in from) bytes.set(new Uint8Array(from.buffer, from.byteOffset + fromIndex * width, count * width), toIndex * width);
    },
  };
}

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DTYPES, type DType } from "../../../../protocol/dtype.ts";
import { AshoreError } from "../../../../protocol/errors.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { openVariables } from "../../../../sync-server/import/saved-model/bundle/open-variables.ts";
import type { Variables } from "../../../../sync-server/import/saved-model/meta-graph.ts";
import { readMetaGraphs } from "../../../../sync-server/import/saved-model/read-meta-graphs.ts";
import { openSourceFolder } from "../../../../sync-server/import/source-folder.ts";
import { bundleFiles, crc32c, masked, type BundleOptions, type StoredVariable } from "../../../support/saved-model-writer/bundle-writer.ts";
import { memorySource } from "../../../support/saved-model-writer/memory-source.ts";
import { tensor } from "../../../support/saved-model-writer/protos.ts";
import { ROOT } from "../../../support/root.ts";

type Files = Map<string, Uint8Array<ArrayBuffer>>;
const INDEX = "variables/variables.index";
const DATA = "variables/variables.data-00000-of-00001";

function filesOf(variables: Readonly<Record<string, StoredVariable>>, options?: BundleOptions): Files {
  return new Map([...bundleFiles("variables/variables", new Map(Object.entries(variables)), options)].map(([path, bytes]) => [path, new Uint8Array(bytes)]));
}

const opened = (variables: Readonly<Record<string, StoredVariable>>, options?: BundleOptions): Promise<Variables> => openVariables(memorySource(filesOf(variables, options)));

async function codeOf(work: Promise<unknown>): Promise<string> {
  const thrown: unknown = await work.then(() => "nothing was thrown", (reason: unknown) => reason);
  return thrown instanceof AshoreError ? thrown.code : String(thrown);
}

/** A tensor of two rows of three elements, of any dtype, whose bytes are all different. */
function someTensor(dtype: DType): Tensor {
  if (dtype === "string") return tensor.strings([2, 3], ["", "a", "bc", "", "x".repeat(200), "é"]);
  const bytes = Uint8Array.from({ length: 6 * DTYPES[dtype].bytes }, (_, at) => (dtype === "bool" ? at % 2 : at + 1));
  const { buffer } = bytes;
  const data = {
    float32: Float32Array, complex64: Float32Array, float64: Float64Array, complex128: Float64Array, float16: Uint16Array, bfloat16: Uint16Array, uint16: Uint16Array,
    int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, bool: Uint8Array, uint32: Uint32Array, uint64: BigUint64Array,
  }[dtype];
  return { dtype, shape: [2, 3], data: new data(buffer) };
}

const DTYPE_NAMES = Object.keys(DTYPES) as DType[];

describe("variables of a SavedModel", () => {
  test.each(DTYPE_NAMES)("of %s are read with their shape, every element as it was", async (dtype) => {
    const value = someTensor(dtype);
    const variables = await opened({ before: tensor.bool([3], [true, false, true]), v: value });
    expect(await variables.read("v")).toEqual(value);
    expect(variables.entries.get("v")).toEqual({ type: DTYPES[dtype].proto, shape: [2, 3] });
  });

  test("are found whether the index has one block or many, with Snappy or without, and over several data files", async () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`layer_${at}/kernel`, tensor.float([at % 3, 2], Array.from({ length: (at % 3) * 2 }, (__, i) => at + i))]));
    for (const options of [{}, { snappy: true }, { blockEntries: 7 }, { blockEntries: 1, snappy: true, shards: 3 }]) {
      const variables = await opened(many, options);
      expect([...variables.entries.keys()].sort()).toEqual(Object.keys(many).sort());
      for (const [key, value] of Object.entries(many)) expect(await variables.read(key)).toEqual(value);
    }
  });

  test("may be scalars, empty, and have any name that is text", async () => {
    const values = { scalar: tensor.float([], [7]), empty: tensor.float([0, 2], []), none: tensor.strings([0], []), "größe/λ": tensor.int([1], [1]) };
    const variables = await opened(values);
    for (const [key, value] of Object.entries(values)) expect(await variables.read(key)).toEqual(value);
  });

  test("that are stored in slices of several axes are put together, whatever the slices' order", async () => {
    const part = (extents: readonly (readonly [number, number])[], at: number, size: readonly number[]): { extents: typeof extents; tensor: Tensor } => ({
      extents, tensor: tensor.int(size, Array.from({ length: (size[0] ?? 0) * (size[1] ?? 0) }, (_, i) => 1000 * at + i)),
    });
    const sliced = {
      dtype: "int32", shape: [3, 200],
      slices: [part([[2, 1], [0, -1]], 3, [1, 200]), part([[0, 2], [70, 130]], 2, [2, 130]), part([[0, 2], [0, 70]], 1, [2, 70])],
    } as const;
    const variables = await opened({ sliced, strings: { dtype: "string", shape: [3], slices: [{ extents: [[1, 2]], tensor: tensor.strings([2], ["b", "c"]) }, { extents: [[0, 1]], tensor: tensor.strings([1], ["a"]) }] } });
    const { shape, data } = await variables.read("sliced");
    const rows = [0, 1].map((row) => [...Array.from({ length: 70 }, (_, i) => 1000 + row * 70 + i), ...Array.from({ length: 130 }, (_, i) => 2000 + row * 130 + i)]);
    expect(shape).toEqual([3, 200]);
    expect([...data]).toEqual([...rows.flat(), ...Array.from({ length: 200 }, (_, i) => 3000 + i)]);
    expect(await variables.read("strings")).toEqual(tensor.strings([3], ["a", "b", "c"]));
    expect([...variables.entries.keys()]).toEqual(["sliced", "strings"]);
  });

  test("are cut by RestoreV2's shape_and_slices, out of whole ones and out of slices", async () => {
    const whole = tensor.int([3, 4], Array.from({ length: 12 }, (_, i) => i));
    const halves = { dtype: "int32", shape: [3, 4], slices: [0, 2].map((start) => ({ extents: [[0, -1], [start, 2]] as const, tensor: tensor.int([3, 2], [0, 1, 4, 5, 8, 9].map((i) => i + start)) })) } as const;
    const complex = someTensor("complex64");
    const variables = await opened({ whole, halves, complex });
    for (const key of ["whole", "halves"]) {
      expect(await variables.read(key, "")).toEqual(whole);
      expect(await variables.read(key, "3 4 -:-")).toEqual(whole);
      expect(await variables.read(key, "3 4 1,2:1,2")).toEqual(tensor.int([2, 2], [5, 6, 9, 10]));
      expect(await variables.read(key, "3 4 2,1:-")).toEqual(tensor.int([1, 4], [8, 9, 10, 11]));
    }
    expect([...(await variables.read("complex", "2 3 1,1:1,2")).data]).toEqual([...complex.data].slice(8));
    for (const spec of ["3 4 1,3:-", "4 3 -:-", "3 4 -", "3 4", "nonsense", "3 4 -1,2:-", "3 4 0.5,1:-"]) {
      expect(await codeOf(variables.read("whole", spec)), spec).toBe("MODEL_MALFORMED");
    }
  });

  test("that are not there are said not to be", async () => {
    await expect((await opened({ v: tensor.float([1], [1]) })).read("w")).rejects.toThrow(/no variable "w"/);
  });
});

describe("variables that are damaged or still being copied", () => {
  const variables = { a: tensor.float([3], [1, 2, 3]), s: tensor.strings([2], ["left", "right"]) };

  test("are not there yet: files that are missing or cut short at any byte", async () => {
    expect(await codeOf(openVariables(memorySource(new Map())))).toBe("MODEL_INCOMPLETE");
    const whole = filesOf(variables);
    const index = whole.get(INDEX) ?? new Uint8Array();
    for (let length = 0; length < index.byteLength; length++) {
      expect(await codeOf(openVariables(memorySource(new Map(whole).set(INDEX, index.slice(0, length))))), `the index cut to ${length}`).toBe("MODEL_INCOMPLETE");
    }
    const without = new Map(whole);
    without.delete(DATA);
    expect(await codeOf((await openVariables(memorySource(without))).read("a"))).toBe("MODEL_INCOMPLETE");
    const short = new Map(whole).set(DATA, (whole.get(DATA) ?? new Uint8Array()).slice(0, 11));
    expect(await codeOf((await openVariables(memorySource(short))).read("a"))).toBe("MODEL_INCOMPLETE");
  });

  test.each([["plain", {}], ["in Snappy", { snappy: true }], ["in many blocks", { blockEntries: 1 }]])("are refused for every byte that is changed, %s", async (_, options) => {
    const whole = filesOf(variables, options);
    for (const [path, bytes] of whole) {
      for (let at = 0; at < bytes.byteLength; at++) {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ 0x41;
        const read = async (): Promise<readonly unknown[]> => {
          const damaged = await openVariables(memorySource(new Map(whole).set(path, changed)));
          return [await damaged.read("a"), await damaged.read("s")];
        };
        const outcome = await read().catch((thrown: unknown) => (thrown instanceof AshoreError ? thrown.code : thrown));
        // Only the footer has no checksum: there, a change is harmless or leads to what is no block.
        if (Array.isArray(outcome)) expect(outcome, `${path} changed at ${at}`).toEqual([variables.a, variables.s]);
        else expect(["MODEL_MALFORMED", "MODEL_INCOMPLETE"], `${path} changed at ${at}`).toContain(outcome);
      }
    }
  });

  test("are refused when written on a big-endian machine", async () => {
    const index = filesOf({}).get(INDEX) ?? new Uint8Array();
    // The header { num_shards: 1, version: { producer: 1 } } becomes { num_shards: 1, endianness: BIG, endianness: BIG }, with the checksum of that.
    const at = Buffer.from(index).indexOf(Uint8Array.of(8, 1, 26, 2, 8, 1));
    index.set([16, 1, 16, 1], at + 2);
    const end = at + 6 + 8 + 1;
    new DataView(index.buffer).setUint32(end, masked(crc32c(index.subarray(0, end))), true);
    await expect(openVariables(memorySource(new Map([[INDEX, index]])))).rejects.toThrow(/big-endian/);
  });

  test("say what else lies where they should: a Git LFS pointer, a page of a proxy", async () => {
    const pointer = new Uint8Array(Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"));
    await expect(openVariables(memorySource(new Map([[INDEX, pointer]])))).rejects.toThrow(/git lfs pull/);
    const data = new Map(filesOf(variables)).set(DATA, new Uint8Array(Buffer.from("<!DOCTYPE html>".padEnd(100))));
    await expect((await openVariables(memorySource(data))).read("a")).rejects.toThrow(/HTML page/);
  });
});

const REAL = join(ROOT, "../shared/saved-models");

describe.skipIf(!existsSync(REAL))("variables of models that TensorFlow wrote (skipped where ../shared is absent)", () => {
  const versions = existsSync(REAL)
    ? readdirSync(REAL, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap(({ name }) => readdirSync(join(REAL, name)).filter((version) => /^\d+$/.test(version)).map((version) => `${name}/${version}`))
    : [];

  test.each(versions)("%s: all are read, and are what the writer of the tests writes of them, byte for byte", async (version) => {
    const folder = join(REAL, version);
    const variables = await openVariables(openSourceFolder(folder));
    const all = new Map<string, Tensor>();
    for (const key of variables.entries.keys()) all.set(key, await variables.read(key));
    expect(all.size).toBeGreaterThan(0);
    // Its tensors are in four files by a rule of their own; that they are the right ones, its answers show.
    if (version.startsWith("sharded_variables")) return;
    const order = await savedOrder(folder);
    const sorted = new Map([...all].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
    const snappy = /half_plus_two.*cpu/.test(version);
    for (const [path, bytes] of bundleFiles("variables/variables", sorted)) {
      // Two compressors need not find the same.
      if (!(snappy && path === INDEX)) expect(Buffer.compare(readFileSync(join(folder, path)), bytes), path).toBe(0);
    }
  });
});

/** Keys in the order in which SaveV2 wrote them. */
async function savedOrder(folder: string): Promise<readonly string[]> {
  const [meta] = await readMetaGraphs(openSourceFolder(folder));
  for (const [name, constant] of meta?.graph.constants ?? []) {
    if (/(SaveV2|save)\/(SaveV2\/)?tensor_names$/.test(name) && !name.includes("RestoreV2") && constant.kind === "dense" && !("buffer" in constant.tensor.data)) {
      return constant.tensor.data.map((key) => Buffer.from(key).toString());
    }
  }
  return [];
}

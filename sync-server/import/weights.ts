import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { elementCount } from "../../protocol/tensor.ts";
import type { ImportedTensor } from "./imported-model.ts";
import { refuseOtherFiles } from "./refuse-other-files.ts";
import type { SourceFolder } from "./source-folder.ts";

const weightSchema = v.object({
  name: v.pipe(v.string(), v.minLength(1)),
  shape: v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  dtype: v.string(),
  quantization: v.optional(v.object({ dtype: v.string(), scale: v.optional(v.number()), min: v.optional(v.number()) })),
});
type Weight = v.InferOutput<typeof weightSchema>;

/** TF.js's `weightsManifest`: groups of files, and the weights that lie in them one after another. */
export const weightsManifestSchema = v.array(v.object({ paths: v.array(v.string()), weights: v.array(weightSchema) }));
export type WeightsManifest = v.InferOutput<typeof weightsManifestSchema>;

/** How a weight lies in its file: the dtype that TF.js makes of it, and the bytes of an element (0: each has its own). */
type Layout = Pick<ImportedTensor, "dtype" | "quantization" | "width"> & { readonly elementBytes: number };

/**
 * Every weight with its bytes, in the manifest's order. Files are read one group at a time, and each must hold exactly what
 * its group says.
 * @throws MODEL_INCOMPLETE where bytes are missing, MODEL_MALFORMED where there are too many or an entry makes no sense
 */
export async function readWeights(manifest: WeightsManifest, source: SourceFolder): Promise<ImportedTensor[]> {
  const count = manifest.reduce((sum, { weights }) => sum + weights.length, 0);
  if (count > LIMITS.tensorsPerModel) throw new AshoreError("LIMIT_EXCEEDED", `${source.path} has ${count} weights; at most ${LIMITS.tensorsPerModel} are taken.`);
  const tensors: ImportedTensor[] = [];
  for (const { paths, weights } of manifest) {
    const files: Uint8Array<ArrayBuffer>[] = [];
    for (const path of paths) {
      const bytes = await source.read(path, LIMITS.weightsFileBytes);
      refuseOtherFiles(bytes, path, source.path, "not weights");
      files.push(bytes);
    }
    tensors.push(...takeWeights(files, weights, `${paths.join(", ")} in ${source.path}`));
  }
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) throw new AshoreError("MODEL_MALFORMED", `${source.path} has the weight ${JSON.stringify(name)} twice.`);
    names.add(name);
  }
  return tensors;
}

function takeWeights(files: readonly Uint8Array<ArrayBuffer>[], weights: readonly Weight[], what: string): ImportedTensor[] {
  const total = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let at = 0;
  const tensors: ImportedTensor[] = [];
  for (const weight of weights) {
    const { elementBytes, ...layout } = layoutOf(weight, what);
    const count = elementCount(weight.shape);
    const size = elementBytes > 0 ? count * elementBytes : stringBytes(files, at, count);
    if (at + size > total) {
      throw new AshoreError("MODEL_INCOMPLETE", `${what}: the weight ${JSON.stringify(weight.name)} ends at byte ${at + size}, but there are only ${total}; the files are still being copied, or were cut short.`);
    }
    tensors.push({ name: weight.name, shape: weight.shape, ...layout, bytes: join(files, at, size) });
    at += size;
  }
  if (at < total) {
    throw new AshoreError("MODEL_MALFORMED", `${what}: there are ${total} bytes where model.json accounts for ${at}; the weights belong to another model.json.`);
  }
  return tensors;
}

function layoutOf({ name, dtype, quantization }: Weight, what: string): Layout {
  if (quantization !== undefined) return quantized(name, dtype, quantization, what);
  switch (dtype) {
    case "float32":
    case "int32":
      return { dtype, width: 4, elementBytes: 4 };
    case "complex64":
      return { dtype, width: 4, elementBytes: 8 };
    case "bool":
      return { dtype, width: 1, elementBytes: 1 };
    case "string":
      return { dtype, width: 1, elementBytes: 0 };
    // The converter may write these as they are, and TF.js has no such weights; as quantised int32 it computes the same.
    case "uint8":
    case "uint16":
      return { ...quantized(name, "int32", { dtype, scale: 1, min: 0 }, what), dtype: "int32" };
    default:
      throw new AshoreError("MODEL_MALFORMED", `${what}: the weight ${JSON.stringify(name)} has dtype ${JSON.stringify(dtype)}, which TF.js cannot load.`);
  }
}

function quantized(name: string, dtype: string, { dtype: stored, scale, min }: NonNullable<Weight["quantization"]>, what: string): Layout {
  const affine = (stored === "uint8" || stored === "uint16") && (dtype === "float32" || dtype === "int32") && scale !== undefined && min !== undefined;
  if (affine) {
    const width = stored === "uint8" ? 1 : 2;
    return { dtype, quantization: { dtype: stored, scale, min }, width, elementBytes: width };
  }
  if (stored === "float16" && dtype === "float32") return { dtype, quantization: { dtype: stored }, width: 2, elementBytes: 2 };
  throw new AshoreError("MODEL_MALFORMED", `${what}: the weight ${JSON.stringify(name)} of dtype ${dtype} is quantised as ${stored} in a way that TF.js cannot undo.`);
}

/** Bytes of `count` strings, each with its length before it as a 32-bit little-endian number. */
function stringBytes(files: readonly Uint8Array<ArrayBuffer>[], start: number, count: number): number {
  let at = start;
  for (let i = 0; i < count; i++) {
    const head = join(files, at, 4);
    if (head.byteLength < 4) return at + 4 - start;
    at += 4 + new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  }
  return at - start;
}

/** `size` bytes from `start` of the files put together (fewer at the end); a view where one file has them all. */
function join(files: readonly Uint8Array<ArrayBuffer>[], start: number, size: number): Uint8Array<ArrayBuffer> {
  let skip = start;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let left = size;
  for (const file of files) {
    if (left > 0 && skip < file.byteLength) {
      const part = file.subarray(skip, skip + left);
      parts.push(part);
      left -= part.byteLength;
    }
    skip = Math.max(0, skip - file.byteLength);
  }
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const out = new Uint8Array(size - left);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

import type { Backend } from "../../../protocol/manifest.ts";
import { boolOf, typeOf, type AttrValue } from "./attrs.ts";
import type { Graph, GraphNode } from "./graph.ts";
import { gathersInBatches } from "./lower-gather.ts";
import { scopesOf } from "./rewrite.ts";

/** Operations of TF.js 4.22's converter that a backend has no kernel for, or a wrong one; `cpu` has them all. */
export const WITHOUT_KERNEL: Readonly<Record<Exclude<Backend, "cpu">, ReadonlySet<string>>> = {
  // The first two take the smallest positive number for the least on wasm: where all are negative, that is their answer. The third
  // knows no place.
  wasm: new Set(["Dilation2D", "MaxPool3D", "MaxPoolWithArgmax", "Complex", "ComplexAbs", "Real", "Imag", "FFT", "IFFT", "RFFT", "IRFFT", "Einsum", "RaggedGather", "RaggedRange", "RaggedTensorToTensor", "StaticRegexReplace"]),
  // The first leaves a box of the third image empty where there are only two boxes. The next two write whole counts as the bits of
  // floats. A bias to the last's five axes makes a shader that does not compile.
  webgpu: new Set([
    ...["CropAndResize", "Bincount", "DenseBincount", "Conv3D"],
    ...["BitwiseAnd", "RaggedGather", "RaggedRange", "RaggedTensorToTensor", "SparseFillEmptyRows", "SparseReshape", "StaticRegexReplace"],
    ...["StringSplit", "StringToHashBucketFast", "Unique", "UniqueV2"],
  ]),
};

/** Operations that wasm has for numbers and not for strings. */
const NO_STRINGS_ON_WASM: ReadonlySet<string> = new Set(["Tile", "GatherNd", "Fill"]);

/** The backends that can run a graph, best first, and for each of the others an operation that it lacks. */
export interface BackendSupport {
  readonly backends: readonly Backend[];
  readonly lacking: Readonly<Partial<Record<Backend, string>>>;
}

export function backendSupport(...graphs: readonly Graph[]): BackendSupport {
  const lacking: Partial<Record<Backend, string>> = {};
  for (const { nodes } of graphs.flatMap(scopesOf)) {
    for (const node of nodes) {
      const text = usesStrings(node);
      if (gathersInBatches(node)) lacking.wasm ??= "GatherV2 with batch_dims";
      if (findsFirstInteger(node)) lacking.webgpu ??= `${node.op} of integers`;
      if (multipliesKeeping(node)) lacking.webgpu ??= "Prod with keep_dims";
      if (WITHOUT_KERNEL.wasm.has(node.op) || (text && NO_STRINGS_ON_WASM.has(node.op))) lacking.wasm ??= text ? `${node.op} of strings` : node.op;
      // Strings never reach the device, and which kernels know that has not been seen of all.
      if (WITHOUT_KERNEL.webgpu.has(node.op) || text) lacking.webgpu ??= text ? "strings" : node.op;
    }
  }
  return { backends: (["webgpu", "wasm", "cpu"] as const).filter((backend) => lacking[backend] === undefined), lacking };
}

/** Whether a product keeps its axes: where webgpu leaves a small one to the processor, it loses them. */
function multipliesKeeping({ op, attrs }: GraphNode): boolean {
  return op === "Prod" && boolOf(attrs, "keep_dims", false);
}

/**
 * Whether a graph asks where its largest or smallest integer is: of equal ones webgpu names any, where the others name the first.
 * TensorFlow promises neither, and equal floats are rare; marks of ones and zeros are asked for their first.
 */
function findsFirstInteger({ op, attrs }: GraphNode): boolean {
  const type = typeOf(attrs, "T") ?? "DT_FLOAT";
  return (op === "ArgMax" || op === "ArgMin") && (type === "DT_BOOL" || type.includes("INT"));
}

function usesStrings({ attrs }: GraphNode): boolean {
  const isText = (value: AttrValue): boolean => value.type === "DT_STRING" || (value.list?.type ?? []).includes("DT_STRING");
  return Object.values(attrs).some(isText);
}

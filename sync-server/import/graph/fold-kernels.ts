import type { Attrs } from "./attrs.ts";
import { elementwiseKernels } from "./fold-elementwise.ts";
import { layoutKernels } from "./fold-layout.ts";
import { reductionKernels } from "./fold-reductions.ts";
import type { Value } from "./fold-value.ts";

export interface FoldContext {
  readonly attrs: Attrs;
  /** The most elements that the result may have. */
  readonly limit: number;
}

/**
 * What an op makes of constants, as TensorFlow defines it (tensorflow/core/api_def); undefined where it is not computed here:
 * another dtype, a size beyond the limit, inputs that do not go together.
 */
export type Kernel = (inputs: readonly Value[], context: FoldContext) => Value | undefined;
export type Kernels = Readonly<Record<string, Kernel>>;

export const foldKernels: ReadonlyMap<string, Kernel> = new Map(Object.entries({ ...elementwiseKernels, ...layoutKernels, ...reductionKernels }));

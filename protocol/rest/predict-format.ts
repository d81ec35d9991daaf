import type { DType } from "../dtype.ts";

/** How a request names its tensors, and so how its answer does: `instances` and `predictions`, or `inputs` and `outputs`. */
export type TensorFormat = "row" | "columnar";

/** A signature def's inputs by name; a manifest's `signatureDefs[…].inputs` fits. Only dtypes count, shapes are not looked at. */
export type SignatureInputs = Readonly<Record<string, { readonly dtype: DType }>>;

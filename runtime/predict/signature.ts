import type { DType } from "../../protocol/dtype.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { graphInputs } from "../../protocol/graph-inputs.ts";
import type { Manifest, SignatureDef } from "../../protocol/manifest.ts";
import { tensorOfJson } from "../../protocol/small-tensor.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";
import type { Tensor } from "../../protocol/tensor.ts";

/** TensorFlow Serving's name for the signature def that a request without one gets. */
export const DEFAULT_SIGNATURE = "serving_default";

export interface Port {
  /** The signature def's name for it. */
  readonly key: string;
  /** The graph's (`x:0`). */
  readonly name: string;
  readonly dtype: DType;
  /** How an image becomes it, for an input that images become. */
  readonly preprocess?: Preprocess | undefined;
}

/** A signature def, laid out once for all requests. */
export interface Signature {
  readonly name: string;
  readonly def: SignatureDef;
  readonly inputs: readonly Port[];
  /** Those of the inputs that images become. */
  readonly images: readonly Port[];
  /** What the graph is fed: the inputs, or the features of the examples that the input holds. */
  readonly feeds: readonly Port[];
  readonly outputs: readonly Port[];
  /** Values of inputs that a request leaves out. */
  readonly defaults: ReadonlyMap<string, Tensor>;
  /** The graph's tensors behind the outputs, each once. */
  readonly fetches: readonly string[];
}

const LAID_OUT = new WeakMap<SignatureDef, Signature>();

/**
 * The signature def that a request names; `""` and undefined mean `serving_default` (spec: `Server::Predict`).
 * @param missing TensorFlow Serving's words where there is none, `%` for its name
 * @throws INVALID_ARGUMENT; UNIMPLEMENTED with the reason for one that the model has and nothing here can compute
 */
export function signatureOf({ signatureDefs, unserved = {}, preprocess }: Pick<Manifest, "signatureDefs" | "unserved" | "preprocess">, name: string | undefined, missing = 'Serving signature name: "%" not found in signature def'): Signature {
  const asked = name === undefined || name === "" ? DEFAULT_SIGNATURE : name;
  const def = Object.hasOwn(signatureDefs, asked) ? signatureDefs[asked] : undefined;
  if (def === undefined && Object.hasOwn(unserved, asked)) throw new AshoreError("UNIMPLEMENTED", unserved[asked] ?? "");
  if (def === undefined) throw new AshoreError("INVALID_ARGUMENT", missing.replace("%", () => asked));
  let signature = LAID_OUT.get(def);
  if (signature === undefined) LAID_OUT.set(def, (signature = layOut(asked, def, preprocess)));
  return signature;
}

function layOut(name: string, def: SignatureDef, preprocess: Manifest["preprocess"] = {}): Signature {
  const outputs = ports(def.outputs);
  const inputs = ports(def.inputs).map((port) => (port.dtype !== "string" && Object.hasOwn(preprocess, port.key) ? { ...port, preprocess: preprocess[port.key] } : port));
  return { name, def, inputs, images: inputs.filter((port) => port.preprocess !== undefined), feeds: ports(graphInputs(def)), outputs, defaults: defaultsOf(def), fetches: [...new Set(outputs.map((port) => port.name))] };
}

function ports(infos: SignatureDef["inputs"]): readonly Port[] {
  return Object.entries(infos).map(([key, { name, dtype }]) => ({ key, name, dtype }));
}

function defaultsOf({ inputs, defaults = {} }: SignatureDef): Signature["defaults"] {
  const tensors = new Map<string, Tensor>();
  for (const [key, value] of Object.entries(defaults)) {
    const info = Object.hasOwn(inputs, key) ? inputs[key] : undefined;
    if (info !== undefined) tensors.set(key, tensorOfJson(value, info.dtype, `The default of the input ${key}`));
  }
  return tensors;
}

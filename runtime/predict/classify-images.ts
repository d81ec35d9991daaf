import { AshoreError } from "../../protocol/errors.ts";
import { topKOf } from "../../protocol/rest/encoded-images.ts";
import { writeClassifyAnswer, type Examples, type RequestBody, type RestDialect } from "../../protocol/rest/index.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import type { Servable } from "../activate/index.ts";
import { bestClasses } from "./best-classes.ts";
import type { Signature } from "./signature.ts";

/**
 * Whether `:classify` is about images and names: the signature def has one input, which images become, and an output whose scores
 * the model has names for. TensorFlow Serving gives nothing but an error where examples meet such an input.
 */
export function classifiesImages({ classes }: Servable, { inputs, images, def }: Signature): boolean {
  return classes !== undefined && Object.hasOwn(def.outputs, classes.output) && inputs.length === 1 && images.length === 1;
}

/** The image of each example, which is its feature of the input's name. @throws INVALID_ARGUMENT */
export function imagesOfExamples({ context, examples }: Examples, { images: [port] }: Signature): NamedTensors {
  const key = port?.key ?? "";
  const data = examples.map((example, at) => {
    const feature = example.get(key) ?? context?.get(key);
    const [image, more] = feature?.kind === "bytes" ? feature.values : [];
    if (image !== undefined && more === undefined) return image;
    throw new AshoreError("INVALID_ARGUMENT", `Example ${at} needs a feature ${JSON.stringify(key)} with one image: {${JSON.stringify(key)}: {"b64": "the bytes of a JPEG or PNG"}}.`);
  });
  const tensor: Tensor = { dtype: "string", shape: [data.length], data };
  return { [key]: tensor };
}

/**
 * The names and scores of the best classes of each image, laid out as TensorFlow Serving lays out a classify answer; as many as the
 * request's `top_k` says.
 * @throws INVALID_ARGUMENT; FAILED_PRECONDITION where the scores are not those that the names are for
 */
export function writeNamedClasses(servable: Servable, outputs: NamedTensors, body: RequestBody, dialect: RestDialect): Uint8Array<ArrayBuffer> {
  const rows = bestClasses(servable, outputs, topKOf(body));
  if (rows === undefined) throw new AshoreError("FAILED_PRECONDITION", `The output ${servable.classes?.output} has not the scores that the model has names for.`);
  const found = rows.flat();
  const shape = [rows.length, rows[0]?.length ?? 0];
  const encoder = new TextEncoder();
  return writeClassifyAnswer(
    {
      classes: { dtype: "string", shape, data: found.map(({ name }) => encoder.encode(name)) },
      scores: { dtype: "float32", shape, data: Float32Array.from(found, ({ score }) => score) },
    },
    rows.length,
    dialect,
  );
}

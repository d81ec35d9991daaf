import type { ClassScore } from "../classes.ts";
import { AshoreError } from "../errors.ts";
import type { NamedTensors } from "../tensor.ts";
import { isBase64Object } from "./base64-object.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RestDialect } from "./dialect.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";
import type { SignatureInputs } from "./predict-format.ts";
import { readNamedInputs } from "./read-predict.ts";
import { ROOT, type RequestBody } from "./request-body.ts";
import { outputsOf } from "./write-output.ts";
import { writeString } from "./write-string.ts";

/**
 * The input tensors of `POST /predict`, the short form for a server with one model: `{"input": value}` (a tensor, or an
 * object with one for each input) or `{"instances": […]}`, each read as TensorFlow Serving reads `inputs` and `instances`.
 * @param defaults the inputs that may be left out, by key; then they are not in the answer either
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED
 */
export function readSimplePredictInputs(body: RequestBody, inputs: SignatureInputs, defaults: Pick<ReadonlySet<string>, "has">, dialect?: RestDialect): NamedTensors {
  const names = namesSent(body.document);
  const sent = Object.entries(inputs).filter(([key]) => !defaults.has(key) || names?.has(key) === true);
  if (sent.length === 0 && names?.size === 0) return {};
  return readNamedInputs(body, sent.length === 0 ? inputs : Object.fromEntries(sent), "input", dialect).tensors;
}

/** The keys of the object that holds the inputs, or of the first instance; undefined where a value stands for the only input. */
function namesSent(document: JsonTape): ReadonlySet<string> | undefined {
  const instances = document.member(ROOT, "instances");
  const holder = instances === undefined ? document.member(ROOT, "input") : document.kind(instances) === KIND.array ? instances + NODE_WORDS : undefined;
  if (holder === undefined || document.kind(holder) !== KIND.object || isBase64Object(document, holder)) return undefined;
  return new Set(Array.from(document.children(holder), (key) => document.text(key)));
}

/**
 * The answer of `POST /predict`: `{"outputs": [{"name", "shape", "dtype", "tensor"}], "status": [{"state", "code"}]}`, the
 * dtype by its NumPy name, the tensor as nested lists. With `classes` too: `[[{"name", "score"}, …], …]`, best first.
 * @throws INVALID_ARGUMENT for a dtype that JSON cannot carry
 */
export function writeSimplePredictAnswer(outputs: NamedTensors, classes?: readonly (readonly ClassScore[])[], dialect?: RestDialect): Uint8Array<ArrayBuffer> {
  const named = outputsOf(outputs, dialect);
  if (named.length === 0) throw new AshoreError("INVALID_ARGUMENT", "The model has no outputs to answer with.");
  const out = new ByteWriter(256 + 12 * named.reduce((count, { size }) => count + size, 0));
  out.ascii('{"outputs": [');
  named.forEach((output, index) => {
    out.ascii(index === 0 ? '{"name": ' : ', {"name": ');
    writeString(out, new TextEncoder().encode(output.name));
    out.ascii(`, "shape": [${output.shape.join(", ")}], "dtype": "${output.dtype}", "tensor": `);
    output.writeValue(out, 0, 0, 0, true);
    out.ascii("}");
  });
  out.ascii("]");
  if (classes !== undefined) {
    out.ascii(', "classes": ');
    out.raw(new TextEncoder().encode(JSON.stringify(classes)));
  }
  out.ascii(', "status": [{"state": "AVAILABLE", "code": "OK"}]}');
  return out.finish();
}

import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { NamedTensors, Tensor } from "../../../protocol/tensor.ts";
import { ProtoReader } from "../saved-model/proto/proto-reader.ts";
import { ReadBudget } from "../saved-model/proto/read-budget.ts";
import { decodeTensorProto } from "../saved-model/proto/tensor-proto.ts";
import { DEFAULT_SIGNATURE, type WarmUpRequest } from "./warm-up-request.ts";

/** The kinds of log that TensorFlow Serving does not replay either, by their field. */
const UNSUPPORTED: Readonly<Record<number, string>> = { 5: "session_run_log", 7: "predict_streamed_log" };
const METHODS = { "tensorflow/serving/classify": "classify", "tensorflow/serving/regress": "regress" } as const;

/**
 * The requests of a PredictionLog (tensorflow_serving/apis/prediction_log.proto): one, or of a multi-inference log one for each
 * of its tasks.
 * @param what names it in messages
 * @throws MODEL_MALFORMED, UNIMPLEMENTED, LIMIT_EXCEEDED
 */
export function readPredictionLog(bytes: Uint8Array<ArrayBuffer>, what: string): readonly WarmUpRequest[] {
  const reader = new ProtoReader(bytes, new ReadBudget(what));
  const log: LogReader = { reader, what, budget: new ReadBudget(what) };
  let requests: readonly WarmUpRequest[] | undefined;
  reader.all((field) => {
    const unsupported = UNSUPPORTED[field];
    if (unsupported !== undefined) throw new AshoreError("UNIMPLEMENTED", `A ${unsupported} cannot be replayed; log predict, classify, regress or multi_inference requests.`);
    if (field === 2) requests = [requestOf(log, () => classification(log, "classify"))];
    else if (field === 3) requests = [requestOf(log, () => classification(log, "regress"))];
    else if (field === 4) requests = requestOf(log, () => multiInference(log));
    else if (field === 6) requests = [requestOf(log, () => prediction(log))];
  });
  if (requests === undefined) throw new AshoreError("MODEL_MALFORMED", "It holds no log of a request.");
  return requests;
}

interface LogReader {
  readonly reader: ProtoReader;
  readonly what: string;
  readonly budget: ReadBudget;
}

/** A log's field 1 is the request; what was answered is not looked at. */
function requestOf<Request>({ reader }: LogReader, read: () => Request): Request {
  let request: { readonly read: Request } | undefined;
  reader.message((field) => {
    if (field === 1) request = { read: read() };
  });
  if (request === undefined) throw new AshoreError("MODEL_MALFORMED", "Its log holds no request.");
  return request.read;
}

function prediction({ reader, budget }: LogReader): WarmUpRequest {
  let signatureName = DEFAULT_SIGNATURE;
  const inputs = new Map<string, Tensor>();
  const outputs: string[] = [];
  reader.message((field) => {
    if (field === 1) signatureName = modelSpec(reader);
    else if (field === 2) {
      const [key, proto] = reader.entry(() => reader.bytes(), () => new Uint8Array());
      const tensor = decodeTensorProto(proto, `its input ${key}`, budget);
      if (tensor === undefined) throw new AshoreError("MODEL_MALFORMED", `Its input ${key} has a dtype that no input can have.`);
      inputs.set(key, tensor);
    } else if (field === 3) outputs.push(reader.string());
  });
  return { method: "predict", signatureName, inputs: Object.fromEntries(inputs), outputs };
}

/** A ClassificationRequest or RegressionRequest, which are alike. */
function classification({ reader }: LogReader, method: "classify" | "regress"): WarmUpRequest {
  let signatureName = DEFAULT_SIGNATURE;
  let inputs: NamedTensors | undefined;
  reader.message((field) => {
    if (field === 1) signatureName = modelSpec(reader);
    else if (field === 2) inputs = examples(reader);
  });
  return { method, signatureName, inputs: inputs ?? noInput(), outputs: [] };
}

function multiInference({ reader }: LogReader): readonly WarmUpRequest[] {
  const tasks: Pick<WarmUpRequest, "method" | "signatureName">[] = [];
  let inputs: NamedTensors | undefined;
  reader.message((field) => {
    if (field === 1) tasks.push(task(reader));
    else if (field === 2) inputs = examples(reader);
  });
  const shared = inputs ?? noInput();
  return tasks.map((one) => ({ ...one, inputs: shared, outputs: [] }));
}

function task(reader: ProtoReader): Pick<WarmUpRequest, "method" | "signatureName"> {
  let signatureName = DEFAULT_SIGNATURE;
  let name = "";
  reader.message((field) => {
    if (field === 1) signatureName = modelSpec(reader);
    else if (field === 2) name = reader.string();
  });
  if (name !== "tensorflow/serving/classify" && name !== "tensorflow/serving/regress") {
    throw new AshoreError("MODEL_MALFORMED", `Unsupported signature method_name: ${name}`);
  }
  return { signatureName, method: METHODS[name] };
}

/** The name of the signature def; which model and version were asked says nothing here. */
function modelSpec(reader: ProtoReader): string {
  let signatureName = "";
  reader.message((field) => {
    if (field === 3) signatureName = reader.string();
  });
  return signatureName || DEFAULT_SIGNATURE;
}

/** An Input: a list of examples, or one with a context, whose bytes stand before those of each. */
function examples(reader: ProtoReader): NamedTensors {
  const data: Uint8Array[] = [];
  let context = new Uint8Array();
  reader.message((kind) => {
    if (kind !== 1 && kind !== 2) return;
    reader.message((field) => {
      if (field === 1) data.push(reader.bytes());
      else if (field === 2 && kind === 2) context = reader.bytes();
    });
  });
  if (data.length === 0) noInput();
  if (context.length * data.length > LIMITS.warmUpBytes) throw new AshoreError("LIMIT_EXCEEDED", `Its context of ${context.length} bytes before each of ${data.length} examples is more than the ${LIMITS.warmUpBytes} bytes that are taken.`);
  return { inputs: { dtype: "string", shape: [data.length], data: data.map((example) => joined(context, example)) } };
}

function joined(front: Uint8Array, back: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(front.length + back.length);
  bytes.set(front);
  bytes.set(back, front.length);
  return bytes;
}

function noInput(): never {
  throw new AshoreError("MODEL_MALFORMED", "Input is empty.");
}

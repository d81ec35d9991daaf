import { inputsModel, outputsModel } from "./echo-service.ts";
import { BEGINNINGS, REQUEST_VECTORS, type RequestVector } from "./requests.ts";
import { READ_VECTORS, WRITE_VECTORS } from "./vectors.ts";

/** A request to the echo service, as it can be sent to a worker. */
export interface Question {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: readonly number[];
  readonly cors: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** UTF-8, what is not as U+FFFD. */
  readonly text: string;
}

/** One thing to ask of the handler, and what is wrong with its reply: nothing, or what was said instead. */
export interface Case {
  readonly name: string;
  readonly question: Question;
  readonly noFetch: string | undefined;
  readonly shown: (reply: Reply) => unknown;
  readonly expected: unknown;
}

const encoder = new TextEncoder();

/** The requests that a server answers alike whose only model is `m`, a version 1 and a version 7 of y = x. */
export async function casesOfOneModel(): Promise<readonly Case[]> {
  const isElsewhere = ({ target, cors, text, type }: RequestVector): boolean =>
    type === "text/html" || cors === true || text === undefined || /models\/(?:meta|broken|fails|slow|examples)\b|a%2Fb:predict|labels\/(?:a%2Fb|gone)/.test(target);
  // Another signature def, or another shape than a model's that says its own.
  const asksOther = ({ body }: RequestVector): boolean => typeof body === "string" && /"(?:two|nothing)"|"inputs":5|\[\[/.test(body);
  return Promise.all(REQUEST_VECTORS.filter((vector) => !isElsewhere(vector) && !asksOther(vector)).map(requestCase));
}

/** All vectors, as requests to the echo service. */
export async function allCases(): Promise<readonly Case[]> {
  const requests = await Promise.all(REQUEST_VECTORS.map(requestCase));
  return [...requests, ...BEGINNINGS.map(beginningCase), ...READ_VECTORS.map(readCase), ...WRITE_VECTORS.map(writeCase)];
}

async function requestCase(vector: RequestVector): Promise<Case> {
  const { clause, method, target, headers = {}, body = "", gzip, cors = false, status, text, type = "application/json", sent = {}, noFetch } = vector;
  const bytes = typeof body === "string" ? encoder.encode(body) : Uint8Array.from(body);
  const packed = gzip === undefined ? bytes : await pack(bytes);
  const question = { method, target, headers, body: [...packed], cors };
  const shown = (reply: Reply): unknown => ({
    status: reply.status,
    type: reply.headers["content-type"] ?? null,
    text: text === undefined ? undefined : reply.text,
    sent: Object.fromEntries(Object.keys(sent).map((name) => [name, reply.headers[name]])),
  });
  return { name: `${clause}: ${method} ${target}`, question, noFetch, shown, expected: { status, type, text, sent } };
}

function beginningCase([clause, target, body, beginning]: (typeof BEGINNINGS)[number]): Case {
  const shown = ({ status, text }: Reply): unknown => [status, (JSON.parse(text) as { error: string }).error.slice(0, beginning.length)];
  return { name: clause, question: posted(target, body), noFetch: undefined, shown, expected: [400, beginning] };
}

function readCase([clause, inputs, body, expected]: (typeof READ_VECTORS)[number]): Case {
  return { name: `${clause} ${inputs} ${body}`, question: posted(`/v1/models/${inputsModel(inputs)}:predict`, body), noFetch: undefined, shown: saidOf, expected: atEngine(expected) };
}

function writeCase({ clause, format, expected }: (typeof WRITE_VECTORS)[number], index: number): Case {
  const question = posted(`/v1/models/${outputsModel(index)}:predict`, format === "row" ? '{"instances":[0]}' : '{"inputs":[0]}');
  const shown = ({ status, text }: Reply): string => (status === 200 ? text.replace(/\s/g, "") : `${status} ${errorOf(text)}`);
  return { name: clause, question, noFetch: undefined, shown, expected };
}

function posted(target: string, body: string): Question {
  return { method: "POST", target, headers: {}, body: [...encoder.encode(body)], cors: false };
}

/** What came in at the model, in the words of the vectors. */
function saidOf({ status, text }: Reply): string {
  if (status !== 200) return `${status} ${errorOf(text).replace(/^The \w+ value (\S+) does not fit .*$/, "The value $1 does not fit")}`;
  const { predictions, outputs } = JSON.parse(text) as { predictions?: string[]; outputs?: string[] };
  return `${predictions === undefined ? "columnar" : "row"} ${String(predictions ?? outputs)}`;
}

function errorOf(text: string): string {
  return (JSON.parse(text) as { error: string }).error;
}

const NARROW: Readonly<Record<string, (value: number) => number>> = {
  uint8: (value) => value & 0xff,
  int8: (value) => (value << 24) >> 24,
  int16: (value) => (value << 16) >> 16,
  double: Math.fround,
};

/** What is left of a vector's tensors in the engine: 8 and 16 bits narrowed, doubles as floats, integers within 32 bits. */
function atEngine(expected: string): string {
  let refused: string | undefined;
  const narrowed = expected.replace(/ (uint8|int8|int16|double|uint32|int64|uint64)\[([0-9,]*)\]=\(([^)]+)\)/g, (_, dtype: string, shape: string, list: string) => {
    const elements = list.split(",").map((text) => {
      const value = Number(text);
      if (dtype !== "double" && Math.abs(value + 0.5) > 2 ** 31) refused ??= text;
      const changed = NARROW[dtype]?.(value) ?? value;
      return Object.is(changed, -0) ? "-0" : String(changed);
    });
    return ` ${dtype}[${shape}]=(${elements.join(",")})`;
  });
  return refused === undefined ? narrowed : `400 The value ${refused} does not fit`;
}

async function pack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { readable, writable } = new CompressionStream("gzip");
  const writer = writable.getWriter();
  void writer.write(bytes);
  void writer.close();
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

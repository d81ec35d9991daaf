/** One request and what TensorFlow Serving answers, by clause of the REST specification. */
export interface RequestVector {
  readonly clause: string;
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or bytes. */
  readonly body?: string | readonly number[];
  /** Send the body packed. */
  readonly gzip?: true;
  /** Ask a handler with `--rest_api_enable_cors_support`. */
  readonly cors?: true;
  readonly status: number;
  /** The whole body, byte for byte; undefined where the words are ours. */
  readonly text: string | undefined;
  /** Default `application/json`; null for none. */
  readonly type?: string | null;
  readonly sent?: Readonly<Record<string, string>>;
  /** Why a page's `fetch` cannot say it; a message does. */
  readonly noFetch?: string;
}

/** RapidJSON's layout of an error; `bytes` messages have no control characters but those that JSON.stringify writes alike. */
const error = (message: string): string => `{\n    "error": ${JSON.stringify(message)}\n}`;
const predictions = (inner: string): string => `{\n    "predictions": [${inner}\n    ]\n}`;
const HTML_404 = "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n";
const ONE = '{"instances":[1]}';

const get = (clause: string, target: string, status: number, text: string | undefined): RequestVector => ({ clause, method: "GET", target, status, text });
const post = (clause: string, target: string, body: string | readonly number[], status: number, text: string | undefined, more: Partial<RequestVector> = {}): RequestVector => ({ clause, method: "POST", target, body, status, text, ...more });
const predict = (clause: string, target: string): RequestVector => post(clause, target, ONE, 200, predictions("1.0"));
const malformed = (clause: string, method: string, target: string, more: Partial<RequestVector> = {}): RequestVector => ({
  clause,
  method,
  target,
  ...(method === "GET" || method === "HEAD" ? {} : { body: ONE }),
  status: 400,
  text: method === "HEAD" ? "" : error(`Malformed request: ${method} ${target}`),
  ...more,
});
const refusedBody = (clause: string, body: string | readonly number[], message: string, target = "/v1/models/m:predict"): RequestVector => post(clause, target, body, 400, error(message));

const versionStatus = (version: string, state: string, code: string, message: string): string =>
  `  {\n   "version": "${version}",\n   "state": "${state}",\n   "status": {\n    "error_code": "${code}",\n    "error_message": "${message}"\n   }\n  }`;
const status = (...versions: readonly string[]): string => `{\n "model_version_status": [\n${versions.join(",\n")}\n ]\n}\n`;
const SEVEN = versionStatus("7", "AVAILABLE", "OK", "");
const FIRST = versionStatus("1", "AVAILABLE", "OK", "");

const PATHS: readonly RequestVector[] = [
  predict("1.2 latest", "/v1/models/m:predict"),
  { ...predict("1.2 leading zeros", "/v1/models/m/versions/007:predict"), sent: { "x-ashore-model-version": "7" } },
  { ...predict("1.2 a version", "/v1/models/m/versions/1:predict"), sent: { "x-ashore-model-version": "1" } },
  { ...predict("1.2 a label", "/v1/models/m/labels/canary:predict"), sent: { "x-ashore-model-version": "7" } },
  { ...predict("1.1 a percent-encoded label", "/v1/models/m/labels/a%2Fb:predict"), sent: { "x-ashore-model-version": "1" } },
  predict("1.1 any case", "/V1/MODELS/m/VERSIONS/7:predict"),
  predict("1.1 a percent-encoded name", "/v1/models/%6d:predict"),
  post("1.1 an encoded slash", "/v1/models/a%2Fb:predict", ONE, 404, error("Servable not found for request: Latest(a/b)")),
  post("1.1 an encoded colon, a plus, a broken escape", "/v1/models/a%3Ab+c%zz%4:predict", ONE, 404, error("Servable not found for request: Latest(a:b+c%zz%4)")),
  post("1.1 UTF-8", "/v1/models/%e4%bd%a0:predict", ONE, 404, error("Servable not found for request: Latest(你)")),
  post("1.1 names are case-sensitive", "/v1/models/M:predict", ONE, 404, error("Servable not found for request: Latest(M)")),
  post("1.1 a version beyond int64", "/v1/models/m/versions/99999999999999999999:predict", ONE, 400, ""),
  post("1.1 2^63", "/v1/models/m/versions/9223372036854775808:predict", ONE, 400, ""),
  post("1.1 2^63 - 1", "/v1/models/m/versions/9223372036854775807:predict", ONE, 404, error("Servable not found for request: Specific(m, 9223372036854775807)")),
  get("1.1 a version beyond int64", "/v1/models/m/versions/99999999999999999999", 400, ""),
  get("1.1 a version beyond int64", "/v1/models/m/versions/99999999999999999999/metadata", 400, ""),
  get("1.1 a version beyond int64 without a name", "/v1/models/versions/99999999999999999999", 400, ""),
  malformed("1.2 version and label", "POST", "/v1/models/m/versions/7/labels/x:predict"),
  malformed("1.2 version, not versions", "POST", "/v1/models/m/version/7:predict"),
  malformed("1.2 no digits", "POST", "/v1/models/m/versions/abc:predict"),
  malformed("1.2 a sign", "POST", "/v1/models/m/versions/-1:predict"),
  malformed("1.2 no version", "POST", "/v1/models/m/versions/:predict"),
  malformed("1.2 an empty label", "POST", "/v1/models/m/labels/:predict"),
  malformed("1.2 a query", "POST", "/v1/models/m:predict?x=1"),
  malformed("1.2 an empty query", "POST", "/v1/models/m:predict?"),
  malformed("0.6 a fragment", "POST", "/v1/models/m:predict#x", { noFetch: "it sends no fragment" }),
  malformed("1.2 a trailing slash", "POST", "/v1/models/m:predict/"),
  malformed("1.2 another verb", "POST", "/v1/models/m:multiInference"),
  malformed("1.1 a verb in capitals", "POST", "/v1/models/m:PREDICT"),
  malformed("1.1 a verb with a capital", "POST", "/v1/models/m:Classify"),
  malformed("1.2 no name", "POST", "/v1/models"),
  malformed("1.2 an empty name", "POST", "/v1/models/:predict"),
  malformed("1.2 no verb", "POST", "/v1/models/m"),
  malformed("1.2 metadata by POST", "POST", "/v1/models/m/metadata"),
  malformed("1.2 a verb by GET", "GET", "/v1/models/m:predict"),
  malformed("1.2 metadata with a query", "GET", "/v1/models/m/metadata?x=1"),
  malformed("1.2 metadata with a slash", "GET", "/v1/models/m/metadata/"),
  malformed("1.2 a slash and no name", "GET", "/v1/models/"),
  malformed("1.2 a slash after a name", "GET", "/v1/models/m/"),
  malformed("1.2 version and label", "GET", "/v1/models/m/versions/7/labels/x"),
  malformed("1.2 another resource", "GET", "/v1/models/m/versions/7/config"),
  malformed("1.2 below /v1/", "GET", "/v1/foo"),
  malformed("1.1 nothing below /v1/", "GET", "/v1/"),
  malformed("1 HEAD", "HEAD", "/v1/models/m"),
  malformed("1 PUT", "PUT", "/v1/models/m"),
  malformed("1 DELETE", "DELETE", "/v1/models/m"),
  malformed("1 PATCH", "PATCH", "/v1/models/m:predict"),
  ...["/", "/v1", "/v2/models/m", "/healthy", "/v1models/m", "/models/m"].map((target): RequestVector => ({ ...get(`1.3 elsewhere: ${target}`, target, 404, HTML_404), type: "text/html" })),
  { clause: "1.3 elsewhere by POST", method: "POST", target: "/v2/models/m:predict", body: ONE, status: 404, text: HTML_404, type: "text/html" },
];

const STATUS: readonly RequestVector[] = [
  get("8.1 all versions, the highest first", "/v1/models/m", 200, status(SEVEN, FIRST)),
  get("8.1 one version", "/v1/models/m/versions/0001", 200, status(FIRST)),
  get("0.7 a label is not looked at", "/v1/models/m/labels/anything", 200, status(SEVEN, FIRST)),
  get("1.1 METADATA is the status", "/v1/models/m/METADATA", 200, status(SEVEN, FIRST)),
  get("1.1 any case", "/V1/Models/m", 200, status(SEVEN, FIRST)),
  get("8.1 what failed, with protobuf's escapes", "/v1/models/broken", 200, status(versionStatus("5", "END", "INVALID_ARGUMENT", String.raw`model.json is no graph: \u003cb\u003e\"x\"\u003c/b\u003e`))),
  get("3 an unknown model", "/v1/models/n", 404, error("Could not find any versions of model n")),
  get("0.6 a query is part of the name", "/v1/models/m?x", 404, error("Could not find any versions of model m?x")),
  get("1.2 a query is part of the name", "/v1/models/m?x=1", 404, error("Could not find any versions of model m?x=1")),
  get("1.1 a model called metadata", "/v1/models/metadata", 404, error("Could not find any versions of model metadata")),
  get("3 an unknown version", "/v1/models/m/versions/3", 404, error("Could not find version 3 of model m")),
  get("3 a version of an unknown model", "/v1/models/n/versions/3", 404, error("Could not find any versions of model n")),
  get("1.1 no name, a version", "/v1/models/versions/3", 400, error("Missing model name in request.")),
  get("1.1 no name, a label", "/v1/models/labels/x", 400, error("Missing model name in request.")),
  get("1.1 no name, a version's metadata", "/v1/models/versions/3/metadata", 400, error("Missing model name in request.")),
  get(
    "8.2 metadata",
    "/v1/models/meta/metadata",
    200,
    `{
"model_spec":{
 "name": "meta",
 "signature_name": "",
 "version": "1"
}
,
"metadata": {"signature_def": {
 "signature_def": {
  "serving_default": {
   "inputs": {
    "x": {
     "dtype": "DT_FLOAT",
     "tensor_shape": {
      "dim": [
       {
        "size": "-1",
        "name": ""
       },
       {
        "size": "3",
        "name": ""
       }
      ],
      "unknown_rank": false
     },
     "name": "x:0"
    },
    "any": {
     "dtype": "DT_STRING",
     "tensor_shape": {
      "dim": [],
      "unknown_rank": true
     },
     "name": "any:0"
    },
    "one": {
     "dtype": "DT_INT64",
     "tensor_shape": {
      "dim": [],
      "unknown_rank": false
     },
     "name": "one:0"
    }
   },
   "outputs": {
    "y": {
     "dtype": "DT_HALF",
     "tensor_shape": {
      "dim": [
       {
        "size": "-1",
        "name": ""
       }
      ],
      "unknown_rank": false
     },
     "name": "y:0"
    }
   },
   "method_name": "tensorflow/serving/predict",
   "defaults": {}
  }
 }
}
}
}
`,
  ),
  { ...get("8.2 a version's metadata", "/v1/models/m/versions/1/metadata", 200, undefined), sent: { "x-ashore-model-version": "1" } },
  { ...get("0.7 a label's metadata", "/v1/models/m/labels/canary/metadata", 200, undefined), sent: { "x-ashore-model-version": "7" } },
  get("3 an unknown label's metadata", "/v1/models/m/labels/x/metadata", 400, error("Unrecognized servable version label: x")),
  get("8.2 metadata of what is not loaded", "/v1/models/m/versions/3/metadata", 404, error("Servable not found for request: Specific(m, 3)")),
  get("8.2 metadata of no model", "/v1/models/n/metadata", 404, error("Servable not found for request: Latest(n)")),
];

const DOC_77 = '{\n    "instances": [1],\n    "inputs": [1]\n}';

const CHECKS: readonly RequestVector[] = [
  post("2 JSON before the model", "/v1/models/n:predict", "{", 400, error("JSON Parse error: Missing a name for object member. at offset: 1")),
  post("2 {} to an unknown model", "/v1/models/n:predict", "{}", 404, error("Servable not found for request: Latest(n)")),
  refusedBody("2 {} to a known model", "{}", "Missing 'inputs' or 'instances' key"),
  post("2 the root before the model", "/v1/models/n:predict", "[1, 2]", 400, error("JSON Value: [1, 2] Is not object")),
  post("2 signature_name's type before the model", "/v1/models/n:predict", '{"signature_name":1}', 400, error("JSON Value: {\n    \"signature_name\": 1\n} not formatted correctly. 'signature_name' key must be a string value.")),
  post("2 the label before the signature", "/v1/models/m/labels/x:predict", '{"signature_name":"s"}', 400, error("Unrecognized servable version label: x")),
  post("2 the version before the signature", "/v1/models/m/versions/3:predict", '{"signature_name":"s"}', 404, error("Servable not found for request: Specific(m, 3)")),
  post("3 a label of a version that is not loaded", "/v1/models/m/labels/gone:predict", ONE, 404, error("Servable not found for request: Specific(m, 9)")),
  refusedBody("3 an unknown signature", '{"signature_name":"s"}', 'Serving signature name: "s" not found in signature def'),
  refusedBody("3 signature names are case-sensitive", '{"signature_name":"Serving_default","instances":[1]}', 'Serving signature name: "Serving_default" not found in signature def'),
  refusedBody("3 no input map", '{"signature_name":"nothing"}', "Failed to get input map for signature: nothing"),
  refusedBody("3 both keys", '{"instances":[1],"inputs":[1]}', `JSON Value: ${DOC_77} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist `),
  post("3 an empty body", "/v1/models/m:predict", "", 400, error("JSON Parse error: The document is empty")),
  post("3 an empty body before the model", "/v1/models/n:predict", "", 400, error("JSON Parse error: The document is empty")),
  refusedBody("3 white space", " \n\t", "JSON Parse error: The document is empty. at offset: 3"),
  post("5.3 another signature", "/v1/models/m:predict", '{"signature_name":"two","inputs":{"a":[1],"b":0.5}}', 200, '{\n    "outputs": {\n        "a": [\n            1\n        ],\n        "b": 0.5\n    }\n}'),
  post("5.3 an empty name is serving_default", "/v1/models/m:predict", '{"signature_name":"","instances":[1]}', 200, predictions("1.0")),
  post("6.3 rows of several outputs", "/v1/models/m:predict", '{"signature_name":"two","instances":[{"a":1,"b":[0.5,NaN]},{"a":2,"b":[-0.0,1e30]}]}', 200, predictions('\n        {\n            "a": 1,\n            "b": [0.5, NaN]\n        },\n        {\n            "a": 2,\n            "b": [-0.0, 1e+30]\n        }')),
  post("6.3 columns of one output", "/v1/models/m:predict", '{"inputs":[[1,2.5]]}', 200, '{\n    "outputs": [\n        [\n            1.0,\n            2.5\n        ]\n    ]\n}'),
  post("6.1 a scalar in columnar form", "/v1/models/m:predict", '{"inputs":5}', 200, '{\n    "outputs": 5.0\n}'),
  post("6.3 rows of lists", "/v1/models/m:predict", '{"instances":[[[0,0],[1,0]],[[0,1],[1,1]]]}', 200, predictions("[[0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]")),
  post("4 a byte order mark", "/v1/models/m:predict", [0xef, 0xbb, 0xbf, ...bytesOf(ONE)], 200, predictions("1.0")),
  post("4 a NUL ends the text", "/v1/models/m:predict", [...bytesOf(ONE), 0, 0x7b], 200, predictions("1.0")),
  refusedBody("4.1 offsets are bytes", '{"é":1,}', "JSON Parse error: Missing a name for object member. at offset: 8"),
  post("1 the content type is not looked at", "/v1/models/m:predict", ONE, 200, predictions("1.0"), { headers: { "content-type": "image/png" } }),
  post("1 gzip", "/v1/models/m:predict", ONE, 200, predictions("1.0"), { gzip: true, headers: { "content-encoding": "gzip" } }),
  post("1 an encoding that contains gzip", "/v1/models/m:predict", ONE, 200, predictions("1.0"), { gzip: true, headers: { "content-encoding": "x-gzip" } }),
  post("1 gzip of an empty body", "/v1/models/m:predict", "", 400, error("JSON Parse error: The document is empty"), { headers: { "content-encoding": "gzip" } }),
  post("1 not gzip", "/v1/models/m:predict", ONE, 400, undefined, { headers: { "content-encoding": "gzip" } }),
  post("1 another encoding is not looked at", "/v1/models/m:predict", ONE, 200, predictions("1.0"), { headers: { "content-encoding": "deflate" } }),
  post("1.5 out of time", "/v1/models/slow:predict", ONE, 504, undefined),
];

const CODES: readonly (readonly [code: string, status: number])[] = [
  ["INVALID_ARGUMENT", 400],
  ["FAILED_PRECONDITION", 400],
  ["OUT_OF_RANGE", 400],
  ["UNAUTHENTICATED", 401],
  ["PERMISSION_DENIED", 403],
  ["NOT_FOUND", 404],
  ["ALREADY_EXISTS", 409],
  ["ABORTED", 409],
  ["RESOURCE_EXHAUSTED", 429],
  ["CANCELLED", 499],
  ["UNKNOWN", 500],
  ["INTERNAL", 500],
  ["DATA_LOSS", 500],
  ["UNIMPLEMENTED", 501],
  ["UNAVAILABLE", 503],
  ["DEADLINE_EXCEEDED", 504],
];

const STATUSES: readonly RequestVector[] = CODES.map(([code, httpStatus]) => post(`1.3 ${code}`, "/v1/models/fails:predict", `{"instances":["${code}"]}`, httpStatus, error(`failed: ${code} "/é\u0001`)));

const CORS = { "access-control-allow-origin": "*", "access-control-allow-methods": "POST, GET", "access-control-allow-headers": "Content-Type" };
const preflight = (clause: string, origin: string | undefined, httpStatus: number, more: Partial<RequestVector> = {}): RequestVector => ({
  clause,
  method: "OPTIONS",
  target: "/v1/models/m:predict",
  ...(origin === undefined ? {} : { headers: { origin }, noFetch: "it sets the Origin itself" }),
  status: httpStatus,
  text: "",
  type: null,
  ...more,
});

const CROSS_ORIGIN: readonly RequestVector[] = [
  preflight("1.4 http", "http://a.example", 200),
  preflight("1.4 https", "https://a.example", 200),
  preflight("1.4 anywhere in it", "x https://", 200),
  preflight("1.4 null", "null", 400),
  preflight("1.4 another scheme", "ftp://a.example", 400),
  preflight("1.4 no origin", undefined, 400),
  preflight("1.4 below /v1/ is enough", "https://a.example", 200, { target: "/v1/anything" }),
  preflight("1.4 elsewhere", "https://a.example", 404, { target: "/v2", text: HTML_404, type: "text/html" }),
  preflight("1.4 with the flag", "https://a.example", 200, { cors: true, sent: CORS }),
  preflight("1.4 with the flag, refused", undefined, 400, { cors: true, sent: CORS }),
  { ...predict("1.4 an answer with the flag", "/v1/models/m:predict"), cors: true, sent: CORS },
  { ...malformed("1.4 an error with the flag", "DELETE", "/v1/models/m"), cors: true, sent: CORS },
  { ...get("1.4 a 400 without a body, with the flag", "/v1/models/m/versions/99999999999999999999", 400, ""), cors: true, sent: CORS },
];

const TWO = '"examples":[{"a":1.0},{"a":2.0}]';
const CLASSIFY = "/v1/models/examples:classify";
const REGRESS = "/v1/models/examples:regress";
const example = (body: string, message: string): RequestVector => post(`7 ${body}`, "/v1/models/n:classify", body, 400, error(message));
const classify = (name: string, httpStatus: number, text: string): RequestVector => post(`7 classify: ${name}`, CLASSIFY, `{"signature_name":"${name}",${TWO}}`, httpStatus, text);
const regress = (name: string, httpStatus: number, text: string): RequestVector => post(`7 regress: ${name}`, REGRESS, `{"signature_name":"${name}",${TWO}}`, httpStatus, text);
const results = (inner: string): string => `{\n    "results": [${inner}\n    ]\n}`;

const EXAMPLES: readonly RequestVector[] = [
  // An unknown model, because the examples come first.
  example("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
  post("7 regress says classify too", "/v1/models/n:regress", "{}", 400, error("JSON Value: {} When method is classify, key 'examples' is expected and was not found")),
  example('{"examples":[]}', "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
  example('{"examples":{}}', "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array"),
  example('{"examples":[[{}]]}', "Example must be JSON object but got JSON Array"),
  example('{"examples":[1]}', "Example must be JSON object but got JSON Number"),
  example('{"examples":[{},true]}', "Example must be JSON object but got JSON True"),
  example('{"context":[]}', "Example must be JSON object but got JSON Array"),
  example('{"context":null,"examples":7}', "Example must be JSON object but got JSON Null"),
  example('{"examples":[{"a":[1,2.0]}]}', "Unexpected element type in feature: a expecting type: int64"),
  example('{"examples":[{"a":[2.0,1]}]}', "Unexpected element type in feature: a expecting type: float"),
  example('{"examples":[{"a":["x",1]}]}', "Unexpected element type in feature: a expecting type: bytes"),
  example('{"examples":[{"a":[1,"x"]}]}', "Unexpected element type in feature: a expecting type: int64"),
  example('{"examples":[{"a":[1,{"b64":"!"}]}]}', "Unexpected element type in feature: a expecting type: int64"),
  example('{"examples":[{"a":{"v":1}}]}', "Feature: a has element with unexpected JSON type: Object"),
  example('{"examples":[{"a":null}]}', "Feature: a has element with unexpected JSON type: Null"),
  example('{"examples":[{"a":[1,null]}]}', "Feature: a has element with unexpected JSON type: Null"),
  example('{"examples":[{"a":[[1]]}]}', "Feature: a has element with unexpected JSON type: Array"),
  example('{"examples":[{"a":18446744073709551615}]}', "Feature: a has uint64_t element. Only int64_t is supported."),
  example('{"examples":[{"a":[1.5,18446744073709551615]}]}', "Unexpected element type in feature: a expecting type: float"),
  example('{"examples":[{"a":{"b64":"_-8="}}]}', "Unable to base64 decode"),
  example('{"signature_name":7,"examples":[]}', "JSON Value: {\n    \"signature_name\": 7,\n    \"examples\": []\n} not formatted correctly. 'signature_name' key must be a string value."),
  post("2 the model after the examples", "/v1/models/n:classify", '{"examples":[{}]}', 404, error("Servable not found for request: Latest(n)")),
  classify("nowhere", 400, error("No signature was found with the name: nowhere")),
  post("7 no serving_default", REGRESS, `{${TWO}}`, 400, error("No signature was found with the name: serving_default")),
  classify("both", 200, results(String.raw`[["car", 0.5], ["a \"b\"", 0.25]], [["é", 1.0], ["", 1e-06]]`)),
  classify("labels", 200, results(String.raw`[["car", 0.0], ["a \"b\"", 0.0]], [["é", 0.0], ["", 0.0]]`)),
  classify("scores", 200, results(String.raw`[["", 0.5], ["", 0.25]], [["", 1.0], ["", 1e-06]]`)),
  classify("three", 400, error("Expected one or two output Tensors, found 3")),
  classify("two inputs", 400, error("Expected one input Tensor.")),
  classify("small", 400, error("Expected scores output batch size of 2. Got: 1")),
  classify("flat", 400, error("Expected Tensor shape: [batch_size num_classes] but got [2]")),
  classify("integers", 400, error("Expected scores Tensor of DT_FLOAT. Got: DT_INT32")),
  classify("mixed", 400, error("Tensors class and score should match in dim_size(1). Got 2 vs. 1")),
  regress("numbers", 200, '{\n    "results": [3.5, 1e+06]\n}'),
  regress("column", 200, '{\n    "results": [-0.0, 0.333333343]\n}'),
  regress("a matrix", 400, error("Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]")),
  regress("integer outputs", 400, error("Expected output Tensor of DT_FLOAT.  Got: DT_INT32")),
  regress("one output", 400, error("Input batch size did not match output batch size: 2 vs. 1")),
  regress("two outputs", 400, error("Expected one output Tensor.")),
  regress("two inputs", 400, error("Expected one input Tensor.")),
  classify("another input, three outputs", 400, error("Expected one or two output Tensors, found 3")),
  regress("another input, three outputs", 400, error("Expected one output Tensor.")),
];

/** What the specification ends with an ellipsis: how the message begins. */
export const BEGINNINGS: readonly (readonly [clause: string, target: string, body: string, beginning: string])[] = [
  ["7 classify, another input", CLASSIFY, `{"signature_name":"another input",${TWO}}`, "No classification inputs found in SignatureDef: "],
  ["7 regress, another input", REGRESS, `{"signature_name":"another input",${TWO}}`, "No regression inputs found in SignatureDef: "],
  ["7 classify, neither", CLASSIFY, `{"signature_name":"neither",${TWO}}`, 'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: '],
  ["7 regress, another output", REGRESS, `{"signature_name":"neither",${TWO}}`, "No regression outputs found in SignatureDef: "],
];

export const REQUEST_VECTORS: readonly RequestVector[] = [...PATHS, ...STATUS, ...CHECKS, ...STATUSES, ...CROSS_ORIGIN, ...EXAMPLES];

function bytesOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

import { describe, expect, test } from "vitest";
import { parseRestPath, preflightStatus, CORS_HEADERS, writeErrorBody, type RestRoute } from "../../../protocol/rest/index.ts";
import { text } from "./support.ts";

const refused = (line: string): RestRoute => ({ kind: "refused", message: `Malformed request: ${line}` });
const tooLarge = (version: string): RestRoute => ({ kind: "refused", message: `Failed to convert version: ${version} to numeric.`, unsaid: true });
const nameless: RestRoute = { kind: "refused", message: "Missing model name in request." };

// 1.1 and 1.2
const CASES: readonly (readonly [line: string, route: RestRoute])[] = [
  ["POST /v1/models/m:predict", { kind: "predict", model: "m" }],
  ["POST /v1/models/m/versions/007:predict", { kind: "predict", model: "m", version: 7 }],
  ["POST /v1/models/m/labels/canary:classify", { kind: "classify", model: "m", label: "canary" }],
  ["POST /v1/models/m:regress", { kind: "regress", model: "m" }],
  ["POST /v1/models/a%2Fb:predict", { kind: "predict", model: "a/b" }],
  ["POST /v1/models/a%3Ab%20c+d%zz%e4%bd%a0:predict", { kind: "predict", model: "a:b c+d%zz你" }],
  ["POST /v1/models/m/labels/x%2Fy:predict", { kind: "predict", model: "m", label: "x/y" }],
  ["POST /v1/models/m/versions/9223372036854775807:predict", { kind: "predict", model: "m", version: 9223372036854775807n }],
  ["POST /V1/MODELS/m/VERSIONS/7:predict", { kind: "predict", model: "m", version: 7 }],
  ["POST /v1/models/m/versions/99999999999999999999:predict", tooLarge("99999999999999999999")],
  ["POST /v1/models/m/versions/9223372036854775808:predict", tooLarge("9223372036854775808")],
  ...[
    "POST /v1/models/m/versions/7/labels/x:predict",
    "POST /v1/models/m/version/7:predict",
    "POST /v1/models/m/versions/abc:predict",
    "POST /v1/models/m/versions/-1:predict",
    "POST /v1/models/m/versions/:predict",
    "POST /v1/models/m:predict?x=1",
    "POST /v1/models/m:predict/",
    "POST /v1/models/m:PREDICT",
    "POST /v1/models/m:multiInference",
    "POST /v1/models/:predict",
    "POST /v1/models",
    "POST /v1/models/m/metadata",
    "GET /v1/models/m:predict",
    "GET /v1/models/m/metadata?x=1",
    "GET /v1/models/m/metadata/",
    "GET /v1/models/",
    "GET /v1/models/m/",
    "DELETE /v1/models/m",
    "HEAD /v1/models/m",
    "PUT /v1/models/m:predict",
    "PATCH /v1/models",
    "GET /v1/foo",
    "GET /v1/",
  ].map((line) => [line, refused(line)] as const),
  ["GET /v1/models/m", { kind: "status", model: "m" }],
  ["GET /v1/models/m/versions/7", { kind: "status", model: "m", version: 7 }],
  ["GET /v1/models/m/labels/anything", { kind: "status", model: "m" }],
  ["GET /v1/models/m/metadata", { kind: "metadata", model: "m" }],
  ["GET /v1/models/m/versions/7/metadata", { kind: "metadata", model: "m", version: 7 }],
  ["GET /v1/models/m/labels/x/metadata", { kind: "metadata", model: "m", label: "x" }],
  ["GET /v1/models/m/METADATA", { kind: "status", model: "m" }],
  ["GET /v1/models/m?x=1", { kind: "status", model: "m?x=1" }],
  ["GET /v1/models/metadata", { kind: "status", model: "metadata" }],
  ["GET /v1/models/m/versions/99999999999999999999", tooLarge("99999999999999999999")],
  ["GET /v1/models", { kind: "list" }],
  ["GET /v1/models/versions/3", nameless],
  ["GET /v1/models/labels/x", nameless],
  ["GET /v1/models/versions/3/metadata", nameless],
  ["OPTIONS /v1/anything", { kind: "preflight" }],
  ["OPTIONS /", { kind: "elsewhere" }],
  ["GET /healthz", { kind: "elsewhere" }],
  ["GET /", { kind: "elsewhere" }],
  ["GET /v1", { kind: "elsewhere" }],
  ["GET /v2/models", { kind: "elsewhere" }],
  ["POST /predict", { kind: "elsewhere" }],
];

describe("request lines, by section 1.2", () => {
  test.each(CASES)("%s", (line, route) => {
    const [method = "", target = ""] = line.split(" ");
    expect(parseRestPath(method, target)).toEqual(route);
  });
});

describe("cross-origin use, by section 1.4", () => {
  test.each([
    ["https://a.example", 200],
    ["http://a.example", 200],
    ["null", 400],
    ["", 400],
    [null, 400],
    [undefined, 400],
  ] as const)("a preflight from %s", (origin, status) => {
    expect(preflightStatus(origin)).toBe(status);
  });

  test("the headers", () => {
    expect(CORS_HEADERS).toEqual({
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Methods": "POST, GET",
      "Access-Control-Allow-Headers": "Content-Type",
    });
  });
});

test.each([
  ["plain", "plain"],
  ['a "quote" and a \\', 'a \\"quote\\" and a \\\\'],
  ["line\nbreak\ttab\r\b\f", "line\\nbreak\\ttab\\r\\b\\f"],
  ["\u0000\u001f/\u007fé", "\\u0000\\u001F/\u007fé"],
])("the error body of %j, by section 1.3", (message, escaped) => {
  expect(text(writeErrorBody(message))).toBe(`{\n    "error": "${escaped}"\n}`);
});

import { describe, expect, test } from "vitest";
import { AshoreError, asAshoreError, canonicalCode, fromWireError, httpStatus, toWireError, type ErrorCode } from "../../../protocol/errors.ts";
import { digestOf, verifyDigest } from "../../../protocol/digest.ts";
import { parseManifest, printManifest, type Manifest } from "../../../protocol/manifest.ts";
import { isModelName, modelName, version, versionOfFolder } from "../../../protocol/names.ts";
import { parseServingConfig } from "../../../protocol/serving-config.ts";
import { isLegalTransition } from "../../../protocol/states.ts";
import { parseStrictJson } from "../../../protocol/strict-json.ts";
import { parseTensorIndex } from "../../../protocol/tensor-index.ts";
import { mulberry32, selfTestFault } from "../../../protocol/self-test.ts";

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const codeOf = (act: () => unknown): ErrorCode | "none" => {
  try {
    act();
    return "none";
  } catch (error) {
    return asAshoreError(error).code;
  }
};

const hex = "ab".repeat(32);
const blob = (size: number) => ({ mediaType: "x/y", digest: `sha256:${hex}`, size, encodings: [{ codec: "identity", digest: `sha256:${hex}`, size }] });
const manifest = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  schemaVersion: 1,
  model: "digits",
  version: 3,
  created: "2026-11-24T00:00:00.000Z",
  signatureDefs: { serving_default: { methodName: "tensorflow/serving/predict", inputs: { x: { name: "x:0", dtype: "float32", shape: [-1] } }, outputs: {} } },
  assets: [],
  selfTest: null,
  warmup: [],
  variants: [{ name: "float32", format: "tfjs-graph-model", graph: blob(9), index: blob(9), shards: [blob(100)] }],
  ...change,
});
const parse = (change: Record<string, unknown>): Manifest => parseManifest(utf8(JSON.stringify(manifest(change))));

describe("manifest", () => {
  test("is read back as it was printed, unknown fields left out", () => {
    const read = parse({ later: true });
    expect(parseManifest(printManifest(read))).toEqual(read);
    expect("later" in read).toBe(false);
  });

  test.each([
    ["a path that climbs out", { assets: [{ path: "a/../../b", blob: blob(1) }] }, "SCHEMA_INVALID"],
    ["an absolute path", { assets: [{ path: "/etc/passwd", blob: blob(1) }] }, "SCHEMA_INVALID"],
    ["a backslash", { assets: [{ path: "a\\b", blob: blob(1) }] }, "SCHEMA_INVALID"],
    ["a shard over its bound", { variants: [{ name: "v", format: "tfjs-graph-model", graph: blob(1), index: blob(1), shards: [blob(17 << 20)] }] }, "LIMIT_EXCEEDED"],
    ["an identity encoding of other bytes", { assets: [{ path: "a", blob: { ...blob(5), encodings: [{ codec: "identity", digest: `sha256:${"cd".repeat(32)}`, size: 5 }] } }] }, "SCHEMA_INVALID"],
    ["a delta as the last encoding", { assets: [{ path: "a", blob: { ...blob(5), encodings: [{ codec: "delta+planes+gzip", digest: `sha256:${hex}`, size: 3, base: `sha256:${hex}` }] } }] }, "SCHEMA_INVALID"],
    ["version 0", { version: 0 }, "SCHEMA_INVALID"],
    ["a negative size", { assets: [{ path: "a", blob: blob(-1) }] }, "SCHEMA_INVALID"],
    ["no variant", { variants: [] }, "SCHEMA_INVALID"],
  ])("refuses %s", (_what, change, code) => {
    expect(codeOf(() => parse(change))).toBe(code);
  });

  test("refuses more than 64 kB and a key that stands twice", () => {
    expect(codeOf(() => parse({ later: "x".repeat(65_536) }))).toBe("LIMIT_EXCEEDED");
    const twice = JSON.stringify(manifest()).replace('"version":3', '"version":3,"\\u0076ersion":4');
    expect(codeOf(() => parseManifest(utf8(twice)))).toBe("JSON_INVALID");
  });
});

describe("strict JSON", () => {
  test.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}', "none"],
    ['{"a":"a\\"","b":"{\\"b\\":1,\\"b\\":2}"}', "none"],
    ['{"a" : 1, "a" : 2}', "JSON_INVALID"],
    ['[{"x":{"k":1,"k":1}}]', "JSON_INVALID"],
    ["<!doctype html>", "JSON_INVALID"],
    ['{"a":1', "JSON_INVALID"],
  ])("%s: %s", (text, code) => {
    expect(codeOf(() => parseStrictJson(utf8(text), "it"))).toBe(code);
  });

  test("refuses bytes that are not UTF-8", () => {
    expect(codeOf(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22), "it"))).toBe("JSON_INVALID");
  });

  test("reads strings of many megabytes, as keys and as values", () => {
    const long = "\\\"x".repeat(4_000_000);
    expect(codeOf(() => parseStrictJson(utf8(`{"a":"${long}","${long}":1}`), "it"))).toBe("none");
    expect(codeOf(() => parseStrictJson(utf8(`{"${long}":1,"${long}":1}`), "it"))).toBe("JSON_INVALID");
  });
});

describe("tensor index", () => {
  const index = (tensor: object): Uint8Array => utf8(JSON.stringify({ schemaVersion: 1, tensors: [{ name: "w", dtype: "float32", shape: [4], size: 16, offset: 0, shard: 0, ...tensor }] }));
  test("takes a tensor that goes on in the next shard, and none that runs out of them", () => {
    expect(codeOf(() => parseTensorIndex(index({ offset: 8 }), [16, 8]))).toBe("none");
    expect(codeOf(() => parseTensorIndex(index({ offset: 8 }), [16, 4]))).toBe("SCHEMA_INVALID");
    expect(codeOf(() => parseTensorIndex(index({ shard: 1 }), [16]))).toBe("SCHEMA_INVALID");
    expect(codeOf(() => parseTensorIndex(index({ offset: 32, size: 0 }), [16]))).toBe("none");
  });
});

describe("serving config", () => {
  test("refuses the same version twice", () => {
    const entry = { version: 1, manifest: { sha256: hex, length: 1 } };
    const text = JSON.stringify({ schemaVersion: 1, model: "m", versions: [entry, entry], policy: { all: true }, labels: {}, blocked: [], halt: false, pollSeconds: 60 });
    expect(codeOf(() => parseServingConfig(utf8(text)))).toBe("SCHEMA_INVALID");
  });
});

describe("names", () => {
  test("of models", () => {
    for (const good of ["a", "A.b-c_9", "0", "x".repeat(128)]) expect(isModelName(good)).toBe(true);
    for (const bad of ["", ".a", "-a", "a/b", "a b", "é", "x".repeat(129), "a\n"]) expect(codeOf(() => modelName(bad))).toBe("NAME_INVALID");
  });

  test("of version folders: digits, leading zeros fine, nothing else", () => {
    expect(versionOfFolder("00000123")).toBe(123);
    for (const name of ["0", "-1", "1.0", "v1", "", "1e3", "9007199254740992"]) expect(versionOfFolder(name)).toBeUndefined();
    expect(codeOf(() => version(0.5))).toBe("VERSION_INVALID");
  });
});

describe("digest", () => {
  test("tells a short file from a changed one", async () => {
    const bytes = utf8("weights");
    const good = { digest: await digestOf(bytes), size: 7 };
    await expect(verifyDigest(bytes, good, "it")).resolves.toBeUndefined();
    await expect(verifyDigest(utf8("weight"), good, "it")).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    await expect(verifyDigest(utf8("weighty"), good, "it")).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });
});

describe("errors", () => {
  test("keep code, message and causes over a thread's border", () => {
    const error = new AshoreError("SELF_TEST_FAILED", "no", { cause: new Error("inner", { cause: new Error("innermost") }) });
    const back = fromWireError(structuredClone(toWireError(error)));
    expect([back.code, back.message, (back.cause as Error).message, ((back.cause as Error).cause as Error).message]).toEqual(["SELF_TEST_FAILED", "no", "inner", "innermost"]);
  });

  test("aborts and timeouts have their own codes; TensorFlow's codes their statuses", () => {
    expect(asAshoreError(AbortSignal.abort().reason).code).toBe("CANCELLED");
    expect(asAshoreError(new DOMException("late", "TimeoutError")).code).toBe("DEADLINE_EXCEEDED");
    expect(canonicalCode("VERSION_BLOCKED")).toBe("UNAVAILABLE");
    expect([httpStatus("VERSION_BLOCKED"), httpStatus("NOT_FOUND"), httpStatus("INVALID_ARGUMENT")]).toEqual([503, 404, 400]);
  });
});

describe("states", () => {
  test("only go forward", () => {
    expect(isLegalTransition("START", "LOADING")).toBe(true);
    expect(isLegalTransition("AVAILABLE", "LOADING")).toBe(false);
    expect(isLegalTransition("UNLOADING", "AVAILABLE")).toBe(false);
    expect(isLegalTransition("LOADING", "END")).toBe(true);
  });
});

describe("self-test", () => {
  test("its stream is the one that reference answers were made with", () => {
    const random = mulberry32(42);
    expect([random(), random(), random()]).toEqual([0.6011037519201636, 0.44829055899754167, 0.8524657934904099]);
  });

  test("finds a wrong number, a wrong shape, a NaN and a missing output", () => {
    const base = { signatureDef: "serving_default", seed: 1, inputs: {}, outputs: { y: { shape: [2], finite: true, samples: [[1, 2] as [number, number]], atol: 0.01, rtol: 0 } } };
    const y = (...data: number[]) => ({ y: { dtype: "float32" as const, shape: [data.length], data: Float32Array.from(data) } });
    expect(selfTestFault(base, y(0, 2.005))).toBeUndefined();
    expect(selfTestFault(base, y(0, 2.02))).toContain("2 was published");
    expect(selfTestFault(base, y(0, 2, 1))).toContain("shape");
    expect(selfTestFault(base, y(Number.NaN, 2))).toContain("NaN");
    expect(selfTestFault(base, {})).toContain("missing");
  });
});

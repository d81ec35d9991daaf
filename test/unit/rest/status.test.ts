import { describe, expect, test } from "vitest";
import { DTYPES, type DType } from "../../../protocol/dtype.ts";
import type { SignatureDef, SmallTensor } from "../../../protocol/manifest.ts";
import { version } from "../../../protocol/names.ts";
import { writeModelList, writeModelMetadata, writeModelStatus } from "../../../protocol/rest/index.ts";
import type { VersionStatus } from "../../../protocol/states.ts";
import { text } from "./support.ts";

const ready: VersionStatus = { version: version(123), state: "AVAILABLE" };
const failed: VersionStatus = { version: version(124), state: "END", error: { code: "DIGEST_MISMATCH", message: 'shard "1" <bad>' } };

describe("status, by section 8.1", () => {
  test("one version, byte for byte", () => {
    expect(text(writeModelStatus([ready]))).toBe(
      [
        "{",
        ' "model_version_status": [',
        "  {",
        '   "version": "123",',
        '   "state": "AVAILABLE",',
        '   "status": {',
        '    "error_code": "OK",',
        '    "error_message": ""',
        "   }",
        "  }",
        " ]",
        "}",
        "",
      ].join("\n"),
    );
  });

  test("the highest version first, errors by TensorFlow's codes", () => {
    const { model_version_status: versions } = JSON.parse(text(writeModelStatus([ready, failed]))) as { model_version_status: unknown[] };
    expect(versions).toEqual([
      { version: "124", state: "END", status: { error_code: "DATA_LOSS", error_message: 'shard "1" <bad>' } },
      { version: "123", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } },
    ]);
  });

  test("the list of models", () => {
    expect(JSON.parse(text(writeModelList([{ name: "digits", versions: [ready] }])))).toEqual({
      models: [{ name: "digits", ...(JSON.parse(text(writeModelStatus([ready]))) as object) }],
    });
  });
});

test("metadata, by section 8.2, byte for byte", () => {
  const signatureDef = {
    methodName: "tensorflow/serving/predict",
    inputs: { x: { name: "x:0", dtype: "float32", shape: [-1, 2] } },
    outputs: { y: { name: "y:0", dtype: "string", shape: null } },
  } as const;
  const signature = { ...signatureDef, inputs: { x: { ...signatureDef.inputs.x, shape: [-1, 2] } } };
  expect(text(writeModelMetadata({ model: "m", version: 123, signatureDefs: { serving_default: signature } }))).toBe(
    `{
"model_spec":{
 "name": "m",
 "signature_name": "",
 "version": "123"
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
        "size": "2",
        "name": ""
       }
      ],
      "unknown_rank": false
     },
     "name": "x:0"
    }
   },
   "outputs": {
    "y": {
     "dtype": "DT_STRING",
     "tensor_shape": {
      "dim": [],
      "unknown_rank": true
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
  );
});

describe("defaults in metadata, as protobuf prints a TensorProto with all of its fields", () => {
  const NONE = { half_val: [], float_val: [], double_val: [], int_val: [], string_val: [], scomplex_val: [], int64_val: [], bool_val: [], dcomplex_val: [], resource_handle_val: [], variant_val: [], uint32_val: [], uint64_val: [] };
  const scalar = { dim: [], unknown_rank: false };
  test.each<[DType, SmallTensor, object]>([
    ["float32", { shape: [], values: [0.1] }, { tensor_shape: scalar, tensor_content: "", float_val: [0.1] }],
    ["float32", { shape: [], values: ["NaN"] }, { tensor_shape: scalar, tensor_content: "", float_val: ["NaN"] }],
    ["int64", { shape: [], values: ["9223372036854775807"] }, { tensor_shape: scalar, tensor_content: "", int64_val: ["9223372036854775807"] }],
    ["uint8", { shape: [1], values: [7] }, { tensor_shape: { dim: [{ size: "1", name: "" }], unknown_rank: false }, tensor_content: "", int_val: [7] }],
    ["bool", { shape: [], values: [true] }, { tensor_shape: scalar, tensor_content: "", bool_val: [true] }],
    ["string", { shape: [2], values: ["YQ==", ""] }, { tensor_shape: { dim: [{ size: "2", name: "" }], unknown_rank: false }, tensor_content: "", string_val: ["YQ==", ""] }],
    ["float32", { shape: [2], values: [1, -2] }, { tensor_shape: { dim: [{ size: "2", name: "" }], unknown_rank: false }, tensor_content: "AACAPwAAAMA=" }],
  ])("%s %o", (dtype, value, expected) => {
    const def: SignatureDef = { methodName: "", inputs: { x: { name: "x:0", dtype, shape: null } }, outputs: {}, defaults: { x: value } };
    const printed = text(writeModelMetadata({ model: "m", version: 1, signatureDefs: { s: def } }));
    const parsed = JSON.parse(printed) as { metadata: { signature_def: { signature_def: { s: { defaults: { x: object } } } } } };
    const { x } = parsed.metadata.signature_def.signature_def.s.defaults;
    expect(x).toEqual({ dtype: DTYPES[dtype].proto, version_number: 0, ...NONE, ...expected, float8_val: "" });
    expect(Object.keys(x)).toEqual(["dtype", "tensor_shape", "version_number", "tensor_content", ...Object.keys(NONE), "float8_val"]);
  });
});

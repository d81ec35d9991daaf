import { describe, expect, test } from "vitest";
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

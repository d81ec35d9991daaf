import { parse } from "protobufjs";
import { maskedCrc32c } from "../../sync-server/import/saved-model/bundle/crc32c.ts";

/** tensorflow_serving/apis/prediction_log.proto and what it names, written by protobufjs, for readers of our own to be tried on. */
const { root } = parse(`
  syntax = "proto3";
  message Dim { int64 size = 1; }
  message Shape { repeated Dim dim = 2; bool unknown_rank = 3; }
  message TensorProto {
    int32 dtype = 1; Shape tensor_shape = 2; bytes tensor_content = 4; repeated int32 half_val = 13; repeated float float_val = 5; repeated double double_val = 6;
    repeated int32 int_val = 7; repeated bytes string_val = 8; repeated int64 int64_val = 10; repeated bool bool_val = 11; repeated uint32 uint32_val = 16; repeated uint64 uint64_val = 17;
  }
  message Int64Value { int64 value = 1; }
  message ModelSpec { string name = 1; Int64Value version = 2; string signature_name = 3; }
  message FloatList { repeated float value = 1; }
  message Feature { oneof kind { FloatList float_list = 2; } }
  message Features { map<string, Feature> feature = 1; }
  message Example { Features features = 1; }
  message ExampleList { repeated Example examples = 1; }
  message ExampleListWithContext { repeated Example examples = 1; Example context = 2; }
  message Input { oneof kind { ExampleList example_list = 1; ExampleListWithContext example_list_with_context = 2; } }
  message PredictRequest { ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2; repeated string output_filter = 3; }
  message ClassificationRequest { ModelSpec model_spec = 1; Input input = 2; }
  message InferenceTask { ModelSpec model_spec = 1; string method_name = 2; }
  message MultiInferenceRequest { repeated InferenceTask tasks = 1; Input input = 2; }
  message PredictResponse { map<string, TensorProto> outputs = 1; }
  message PredictLog { PredictRequest request = 1; PredictResponse response = 2; }
  message ClassifyLog { ClassificationRequest request = 1; }
  message MultiInferenceLog { MultiInferenceRequest request = 1; }
  message SessionRunLog { bytes request = 1; }
  message Sampling { double sampling_rate = 1; }
  message LogMetadata { ModelSpec model_spec = 1; Sampling sampling_config = 2; }
  message PredictionLog {
    LogMetadata log_metadata = 1;
    oneof log_type { ClassifyLog classify_log = 2; ClassifyLog regress_log = 3; MultiInferenceLog multi_inference_log = 4; SessionRunLog session_run_log = 5; PredictLog predict_log = 6; }
  }
`, { keepCase: true });
const PredictionLog = root.lookupType("PredictionLog");

/** A PredictionLog, by the names of its proto's fields. */
export function predictionLog(log: object): Uint8Array<ArrayBuffer> {
  return new Uint8Array(PredictionLog.encode(PredictionLog.fromObject({ log_metadata: { sampling_config: { sampling_rate: 0.5 } }, ...log })).finish());
}

/** A TFRecord file. */
export function tfRecordFile(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    Buffer.concat(
      records.flatMap((data) => {
        const head = Buffer.alloc(12);
        head.writeBigUInt64LE(BigInt(data.length));
        head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
        const tail = Buffer.alloc(4);
        tail.writeUInt32LE(maskedCrc32c(data));
        return [head, data, tail];
      }),
    ),
  );
}

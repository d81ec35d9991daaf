import { parse } from "protobufjs";

/** What a SavedModel consists of, of tensorflow/core/framework/*.proto and tensorflow/core/protobuf/*.proto. */
const { root } = parse(
  `syntax = "proto3";
  enum DataType {
    DT_INVALID = 0; DT_FLOAT = 1; DT_DOUBLE = 2; DT_INT32 = 3; DT_UINT8 = 4; DT_INT16 = 5; DT_INT8 = 6; DT_STRING = 7; DT_COMPLEX64 = 8;
    DT_INT64 = 9; DT_BOOL = 10; DT_QINT8 = 11; DT_BFLOAT16 = 14; DT_UINT16 = 17; DT_COMPLEX128 = 18; DT_HALF = 19; DT_RESOURCE = 20;
    DT_VARIANT = 21; DT_UINT32 = 22; DT_UINT64 = 23; DT_FLOAT_REF = 101;
  }
  message TensorShapeProto {
    message Dim { int64 size = 1; string name = 2; }
    repeated Dim dim = 2; bool unknown_rank = 3;
  }
  message TensorProto {
    DataType dtype = 1; TensorShapeProto tensor_shape = 2; int32 version_number = 3; bytes tensor_content = 4;
    repeated float float_val = 5; repeated double double_val = 6; repeated int32 int_val = 7; repeated bytes string_val = 8;
    repeated float scomplex_val = 9; repeated int64 int64_val = 10; repeated bool bool_val = 11; repeated double dcomplex_val = 12;
    repeated int32 half_val = 13; repeated uint32 uint32_val = 16; repeated uint64 uint64_val = 17;
  }
  message NameAttrList { string name = 1; map<string, AttrValue> attr = 2; }
  message AttrValue {
    message ListValue {
      repeated bytes s = 2; repeated int64 i = 3; repeated float f = 4; repeated bool b = 5; repeated DataType type = 6;
      repeated TensorShapeProto shape = 7; repeated TensorProto tensor = 8; repeated NameAttrList func = 9;
    }
    oneof value {
      bytes s = 2; int64 i = 3; float f = 4; bool b = 5; DataType type = 6; TensorShapeProto shape = 7; TensorProto tensor = 8;
      ListValue list = 1; NameAttrList func = 10; string placeholder = 9;
    }
  }
  message NodeDef { string name = 1; string op = 2; repeated string input = 3; string device = 4; map<string, AttrValue> attr = 5; }
  message OpDef {
    message ArgDef { string name = 1; string description = 2; DataType type = 3; }
    string name = 1; repeated ArgDef input_arg = 2; repeated ArgDef output_arg = 3;
  }
  message FunctionDef { OpDef signature = 1; repeated NodeDef node_def = 3; map<string, string> ret = 4; map<string, AttrValue> attr = 5; map<string, string> control_ret = 6; }
  message FunctionDefLibrary { repeated FunctionDef function = 1; }
  message VersionDef { int32 producer = 1; int32 min_consumer = 2; }
  message GraphDef { repeated NodeDef node = 1; FunctionDefLibrary library = 2; VersionDef versions = 4; }
  message SaverDef { string filename_tensor_name = 1; string save_tensor_name = 2; string restore_op_name = 3; int32 max_to_keep = 4; bool sharded = 5; int32 version = 7; }
  message TensorInfo { string name = 1; DataType dtype = 2; TensorShapeProto tensor_shape = 3; }
  message SignatureDef { map<string, TensorInfo> inputs = 1; map<string, TensorInfo> outputs = 2; string method_name = 3; map<string, TensorProto> defaults = 4; }
  message AssetFileDef { TensorInfo tensor_info = 1; string filename = 2; }
  message Any { string type_url = 1; bytes value = 2; }
  message CollectionDef {
    message NodeList { repeated string value = 1; }
    message AnyList { repeated Any value = 1; }
    oneof kind { NodeList node_list = 1; AnyList any_list = 5; }
  }
  message MetaGraphDef {
    message MetaInfoDef { repeated string tags = 4; string tensorflow_version = 5; bool stripped_default_attrs = 7; }
    MetaInfoDef meta_info_def = 1; GraphDef graph_def = 2; SaverDef saver_def = 3; map<string, CollectionDef> collection_def = 4;
    map<string, SignatureDef> signature_def = 5; repeated AssetFileDef asset_file_def = 6; bytes object_graph_def = 7;
  }
  message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2; }
  message TensorSliceProto {
    message Extent { int64 start = 1; oneof has_length { int64 length = 2; } }
    repeated Extent extent = 1;
  }
  message BundleHeaderProto { int32 num_shards = 1; int32 endianness = 2; VersionDef version = 3; }
  message BundleEntryProto { DataType dtype = 1; TensorShapeProto shape = 2; int32 shard_id = 3; int64 offset = 4; int64 size = 5; fixed32 crc32c = 6; repeated TensorSliceProto slices = 7; }`,
  { keepCase: true },
);

/** A message's bytes; enums by name, 64-bit integers as numbers or text, fields by their names above. */
export function encodeProto(type: string, message: Readonly<Record<string, unknown>>): Uint8Array<ArrayBuffer> {
  const found = root.lookupType(type);
  return new Uint8Array(found.encode(found.fromObject(message)).finish());
}

/** For tests that damage one: a message as a plain object. */
export function decodeProto(type: string, bytes: Uint8Array): Record<string, unknown> {
  const found = root.lookupType(type);
  return found.toObject(found.decode(bytes), { enums: String, longs: Number });
}

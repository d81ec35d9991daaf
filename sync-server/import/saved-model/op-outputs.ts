import type { GraphNode } from "../graph/graph.ts";

/**
 * The outputs of operations that have more than one, by the names of TensorFlow's op definitions, in order. `name*attr` is a
 * list of outputs, as many as the integer attribute says or as the list attribute is long.
 */
const OUTPUTS: Readonly<Record<string, string>> = {
  BlockLSTM: "i cs f o ci co h",
  BlockLSTMV2: "i cs f o ci co h",
  BroadcastGradientArgs: "r0 r1",
  CTCBeamSearchDecoder: "decoded_indices*top_paths decoded_values*top_paths decoded_shape*top_paths log_probability",
  CTCGreedyDecoder: "decoded_indices decoded_values decoded_shape log_probability",
  CTCLoss: "loss gradient",
  CombinedNonMaxSuppression: "nmsed_boxes nmsed_scores nmsed_classes valid_detections",
  CudnnRNN: "output output_h output_c reserve_space",
  CudnnRNNV2: "output output_h output_c reserve_space host_reserved",
  CudnnRNNV3: "output output_h output_c reserve_space host_reserved",
  DecodeWav: "audio sample_rate",
  DenseToDenseSetOperation: "result_indices result_values result_shape",
  DeserializeSparse: "sparse_indices sparse_values sparse_shape",
  Eig: "e v",
  FusedBatchNorm: "y batch_mean batch_variance reserve_space_1 reserve_space_2",
  FusedBatchNormV2: "y batch_mean batch_variance reserve_space_1 reserve_space_2",
  FusedBatchNormV3: "y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3",
  GRUBlockCell: "r u c h",
  LSTMBlockCell: "i cs f o ci co h",
  ListDiff: "out idx",
  LogMatrixDeterminant: "sign log_abs_determinant",
  LookupTableExport: "keys values",
  LookupTableExportV2: "keys values",
  Lu: "lu p",
  MaxPoolWithArgmax: "output argmax",
  Merge: "output value_index",
  NonMaxSuppressionV4: "selected_indices valid_outputs",
  NonMaxSuppressionV5: "selected_indices selected_scores valid_outputs",
  ParseExample: "sparse_indices*Nsparse sparse_values*sparse_types sparse_shapes*Nsparse dense_values*Tdense",
  ParseExampleV2: "sparse_indices*num_sparse sparse_values*sparse_types sparse_shapes*num_sparse dense_values*Tdense ragged_values*ragged_value_types ragged_row_splits*ragged_split_types",
  ParseSingleExample: "sparse_indices*num_sparse sparse_values*sparse_types sparse_shapes*num_sparse dense_values*Tdense",
  Qr: "q r",
  RaggedGather: "output_nested_splits*OUTPUT_RAGGED_RANK output_dense_values",
  RaggedRange: "rt_nested_splits rt_dense_values",
  RaggedTensorFromVariant: "output_nested_splits*output_ragged_rank output_dense_values",
  RaggedTensorToSparse: "sparse_indices sparse_values sparse_dense_shape",
  SampleDistortedBoundingBox: "begin size bboxes",
  SampleDistortedBoundingBoxV2: "begin size bboxes",
  SelfAdjointEigV2: "e v",
  SoftmaxCrossEntropyWithLogits: "loss backprop",
  SparseConcat: "output_indices output_values output_shape",
  SparseFillEmptyRows: "output_indices output_values empty_row_indicator reverse_index_map",
  SparseReorder: "output_indices output_values",
  SparseReshape: "output_indices output_shape",
  SparseSlice: "output_indices output_values output_shape",
  SparseSoftmaxCrossEntropyWithLogits: "loss backprop",
  StatelessRandomGetKeyCounter: "key counter",
  StringNGrams: "ngrams ngrams_splits",
  StringSplit: "indices values shape",
  StringSplitV2: "indices values shape",
  Svd: "s u v",
  Switch: "output_false output_true",
  TensorArrayConcatV3: "value lengths",
  TensorArrayV3: "handle flow",
  TensorListConcat: "tensor lengths",
  TensorListConcatV2: "tensor lengths",
  TensorListPopBack: "output_handle tensor",
  TopK: "values indices",
  TopKV2: "values indices",
  UnicodeDecode: "row_splits char_values",
  UnicodeDecodeWithOffsets: "row_splits char_values char_to_byte_starts",
  Unique: "y idx",
  UniqueV2: "y idx",
  UniqueWithCounts: "y idx count",
  UniqueWithCountsV2: "y idx count",
};

/**
 * The number of the first tensor of a node's output argument. Operations that are not in the table have one output argument,
 * or are none that TensorFlow.js runs.
 */
export function firstOutput(node: GraphNode, output: string): number {
  if (!Object.hasOwn(OUTPUTS, node.op)) return 0;
  let at = 0;
  for (const part of (OUTPUTS[node.op] ?? "").split(" ")) {
    const [name, count] = part.split("*");
    if (name === output) return at;
    at += count === undefined ? 1 : countOf(node, count);
  }
  return Number.NaN;
}

function countOf({ attrs }: GraphNode, name: string): number {
  const attr = attrs[name];
  return attr?.list === undefined ? Number(attr?.i ?? 0) : (attr.list.type?.length ?? 0);
}

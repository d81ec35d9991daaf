import { boolAttr, floatAttr, intAttr, intsAttr, textAttr, typeAttr, type Attrs } from "./attrs.ts";
import type { Graph } from "./graph.ts";
import { scopesOf } from "./rewrite.ts";

/**
 * TensorFlow's defaults of attributes that TF.js 4.22 takes for something else where they are absent. A SavedModel is written
 * without attributes that have their default (`stripped_default_attrs`).
 */
const DEFAULTS: Readonly<Record<string, Attrs>> = {
  Conv2D: { dilations: intsAttr([1, 1, 1, 1]), data_format: textAttr("NHWC"), explicit_paddings: intsAttr([]) },
  DepthwiseConv2dNative: { dilations: intsAttr([1, 1, 1, 1]), data_format: textAttr("NHWC"), explicit_paddings: intsAttr([]) },
  Conv2DBackpropInput: { dilations: intsAttr([1, 1, 1, 1]), data_format: textAttr("NHWC"), explicit_paddings: intsAttr([]) },
  Conv3D: { dilations: intsAttr([1, 1, 1, 1, 1]), data_format: textAttr("NDHWC") },
  FusedBatchNorm: { epsilon: floatAttr(1e-4), is_training: boolAttr(true), data_format: textAttr("NHWC") },
  FusedBatchNormV2: { epsilon: floatAttr(1e-4), is_training: boolAttr(true), data_format: textAttr("NHWC") },
  FusedBatchNormV3: { epsilon: floatAttr(1e-4), is_training: boolAttr(true), data_format: textAttr("NHWC") },
  TopKV2: { sorted: boolAttr(true) },
  TensorListStack: { num_elements: intAttr(-1) },
  Range: { Tidx: typeAttr("DT_INT32") },
  CropAndResize: { method: textAttr("bilinear"), extrapolation_value: floatAttr(0) },
  DepthToSpace: { data_format: textAttr("NHWC") },
  StringSplit: { skip_empty: boolAttr(true) },
  StaticRegexReplace: { replace_global: boolAttr(true) },
  TensorArrayV3: { clear_after_read: boolAttr(true), dynamic_size: boolAttr(false), identical_element_shapes: boolAttr(false) },
  ImageProjectiveTransformV3: { fill_mode: textAttr("CONSTANT") },
  Multinomial: { output_dtype: typeAttr("DT_INT64") },
  LeakyRelu: { alpha: floatAttr(0.2) },
  ResizeBilinear: { align_corners: boolAttr(false), half_pixel_centers: boolAttr(false) },
  ResizeNearestNeighbor: { align_corners: boolAttr(false), half_pixel_centers: boolAttr(false) },
};

/** Puts back the stripped defaults that TF.js has others for. */
export function restoreDefaultAttrs(graph: Graph): string[] {
  let count = 0;
  for (const { nodes } of scopesOf(graph)) {
    for (const node of nodes) {
      const defaults = Object.hasOwn(DEFAULTS, node.op) ? DEFAULTS[node.op] : undefined;
      const missing = Object.keys(defaults ?? {}).some((name) => node.attrs[name] === undefined);
      if (!missing) continue;
      // Attributes may be shared with another copy of the node: not changed, replaced.
      node.attrs = { ...defaults, ...node.attrs };
      count += 1;
    }
  }
  return count === 0 ? [] : [`put back the default attributes of ${count} nodes`];
}

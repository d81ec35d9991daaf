import { boolOf, intsAttr, textAttr, typeOf, type Attrs } from "./attrs.ts";
import { ints } from "./fold-value.ts";
import { sizesOf, type Sizes } from "./fold-sizes.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/**
 * The mean over an image's height and width becomes one pool as large as the image, where that is known: TF.js transposes an image
 * before it takes a mean over its inner axes, and takes 2 to 5 times as long on wasm, 5 to 30 times on cpu.
 */
export function fuseMeans(body: Body): Tally {
  const tally = new Map<string, number>();
  const all = sizesOf(body);
  for (const node of body.nodes()) {
    const [x = "", axes = ""] = node.inputs;
    if (node.op !== "Mean" || !body.isFree(node) || !["DT_FLOAT", "1"].includes(typeOf(node.attrs, "T") ?? "")) continue;
    if (isHeightAndWidth(all.get(axes)?.values) && fuseMean(node, x, all.get(x)?.shape ?? [], body)) count(tally, "Mean");
  }
  return tally;
}

function isHeightAndWidth(axes: Sizes | undefined): boolean {
  return ["1,2", "2,1", "-3,-2", "-2,-3", "1,-2", "-2,1"].includes(String(axes));
}

function fuseMean(node: GraphNode, x: string, shape: Sizes, body: Body): boolean {
  const [, height, width, channels] = shape;
  if (shape.length !== 4 || height === undefined || width === undefined || height * width < 2) return false;
  const T: Attrs = { T: { type: "DT_FLOAT" } };
  const pool = { ...T, ksize: intsAttr([1, height, width, 1]), strides: intsAttr([1, 1, 1, 1]), padding: textAttr("VALID"), data_format: textAttr("NHWC") };
  if (boolOf(node.attrs, "keep_dims", false)) {
    body.rewrite(node, { op: "AvgPool", inputs: [x], attrs: pool });
    return true;
  }
  if (channels === undefined || channels === 0) return false;
  const sizes = body.addConstant(`${node.name}/shape`, ints([2], Int32Array.of(-1, channels)), node);
  const pooled = body.addNode(`${node.name}/pool`, { op: "AvgPool", inputs: [x], attrs: pool }, node);
  body.rewrite(node, { op: "Reshape", inputs: [pooled, sizes], attrs: T });
  return true;
}

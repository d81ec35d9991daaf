import { boolOf, textOf, textsOf, intOf, typeOf } from "./attrs.ts";
import type { GraphNode } from "./graph.ts";

/** Attributes of TF.js that it reads in lower case and as Latin-1, and a pattern language that is not RE2's in all. */
const PLAIN_TEXT = /^[\x20-\x40\x5b-\x7e]*$/;

/** Operations that TF.js has for numbers only. */
const MOVES_STRINGS: ReadonlySet<string> = new Set(["Gather", "GatherV2", "Transpose", "Select", "SelectV2", "Reverse", "ReverseV2", "Pad", "PadV2", "MirrorPad", "Split", "SplitV", "BroadcastTo", "Cast"]);

/**
 * Why TF.js 4.22 would compute a node wrongly without a word, for what it cannot be rewritten; undefined where it is right. The
 * op list of its converter takes these operations and leaves out part of what they mean.
 */
export function whyWrong({ op, name, attrs }: GraphNode, inFunction: boolean): string | undefined {
  const because = (why: string): string => `${op} (the node ${name}) ${why}`;
  switch (op) {
    case "FakeQuantWithMinMaxVars":
      return because("has a range that is not constant, and TensorFlow.js would pass it over");
    case "RandomUniformInt":
      return because("takes its bounds from where TensorFlow.js does not look");
    case "BitwiseAnd":
      return because("gets no operands from TensorFlow.js's converter");
    case "Einsum":
      return because(`has the equation ${textOf(attrs, "equation", "")}, which has a letter twice in one operand, ... elsewhere than in front, or more than two operands`);
    case "OneHot":
      return intOf(attrs, "axis", -1) === -1 ? undefined : because(`puts its new axis at ${intOf(attrs, "axis", -1)}; TensorFlow.js puts it last`);
    case "MaxPool":
    case "AvgPool":
      return textOf(attrs, "padding", "VALID") === "EXPLICIT" ? because("has explicit paddings, which TensorFlow.js has for convolutions only") : undefined;
    case "StaticRegexReplace":
      return [textOf(attrs, "pattern", ""), textOf(attrs, "rewrite", "")].every((text) => PLAIN_TEXT.test(text)) && !/[\\$]/.test(textOf(attrs, "rewrite", ""))
        ? undefined
        : because("has capital letters, other than ASCII, or references in its pattern or rewrite, which TensorFlow.js reads differently");
    case "StringNGrams":
      return ["separator", "left_pad", "right_pad"].every((attr) => PLAIN_TEXT.test(textOf(attrs, attr, ""))) ? undefined : because("has capital letters or other than ASCII in its separator or pads, which TensorFlow.js reads differently");
    case "FusedBatchNorm":
    case "FusedBatchNormV2":
    case "FusedBatchNormV3":
      return boolOf(attrs, "is_training", true) ? because("normalises by its batch (training mode); TensorFlow.js would take the moving averages") : undefined;
    case "_FusedConv2D":
    case "_FusedMatMul":
      return (textsOf(attrs, "fused_ops") ?? []).includes("_FusedHardSwish") ? because("is fused with a hard swish, which TensorFlow.js does not have") : undefined;
    case "LookupTableFind":
    case "LookupTableFindV2":
    case "LookupTableSizeV2":
      return inFunction ? because("looks into a table inside a loop or a branch, where TensorFlow.js has no tables") : undefined;
    default:
      return MOVES_STRINGS.has(op) && ["T", "Tparams", "SrcT", "DstT"].some((attr) => typeOf(attrs, attr) === "DT_STRING") ? because("works on strings that are not constant, which TensorFlow.js cannot move about") : undefined;
  }
}

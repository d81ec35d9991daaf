/** Where the REST API may leave TensorFlow Serving's behind. By default it does not. */
export interface RestDialect {
  /**
   * Every answer is JSON by RFC 8259: NaN and the infinities are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, as in
   * protobuf's JSON; a string that is not UTF-8 is `{"b64": "…"}`; no refusal is without a body. Default false.
   */
  readonly strictJson?: boolean | undefined;
  /** half, bfloat16 and uint16 tensors are taken and printed, which TensorFlow Serving refuses. Default false. */
  readonly extendedDtypes?: boolean | undefined;
}

import { DTYPES, dtypeOfProto, type DType } from "../../../../protocol/dtype.ts";
import { AshoreError } from "../../../../protocol/errors.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import { elementCount, type Tensor } from "../../../../protocol/tensor.ts";
import type { ShapeProto } from "../../graph/attrs.ts";
import { readShape } from "./attr-value.ts";
import { ProtoReader } from "./proto-reader.ts";
import type { ReadBudget } from "./read-budget.ts";
import { numbersOf, stringsOf, zeros } from "./tensor-data.ts";

/**
 * A TensorProto (tensorflow/core/framework/tensor.proto): its elements are in `tensor_content`, or in the typed field of its
 * dtype, where the last one repeats for those that are missing; without any it is all zeros.
 * @returns undefined for a dtype that no {@link Tensor} has (resources, variants, the quantised types)
 * @throws MODEL_MALFORMED, LIMIT_EXCEEDED
 */
export function decodeTensorProto(bytes: Uint8Array<ArrayBuffer>, what: string, budget: ReadBudget): Tensor | undefined {
  let number = 0;
  let shapeProto: ShapeProto = {};
  let content: Uint8Array<ArrayBuffer> | undefined;
  const head = new ProtoReader(bytes, budget);
  head.all((field) => {
    if (field === 1) number = head.int();
    else if (field === 2) shapeProto = readShape(head);
    else if (field === 4) content = head.bytes();
  });
  const dtype = dtypeOfProto(number);
  if (dtype === undefined) return undefined;
  const shape = sizesOf(shapeProto, what);
  const count = elementCount(shape);
  budget.tensor(count * (dtype === "string" ? 8 : DTYPES[dtype].bytes));
  if (content === undefined || content.byteLength === 0) {
    return { dtype, shape, data: dtype === "string" ? typedStrings(bytes, count, budget) : typedNumbers(dtype, bytes, count, budget) };
  }
  return { dtype, shape, data: dtype === "string" ? stringsOf(content, count, what).strings : numbersOf(dtype, content, count, what) };
}

function sizesOf({ dim = [], unknownRank = false }: ShapeProto, what: string): number[] {
  const shape = dim.map(({ size }) => Number(size));
  if (unknownRank || shape.length > LIMITS.tensorRank || shape.some((size) => !Number.isSafeInteger(size) || size < 0) || !Number.isSafeInteger(elementCount(shape))) {
    throw new AshoreError("MODEL_MALFORMED", `${what} has the shape [${shape.join(", ")}], which no tensor can have.`);
  }
  return shape;
}

function typedStrings(bytes: Uint8Array<ArrayBuffer>, count: number, budget: ReadBudget): Uint8Array[] {
  const strings: Uint8Array[] = [];
  const proto = new ProtoReader(bytes, budget);
  proto.all((field) => {
    if (field === 8 && strings.length < count) strings.push(proto.bytes().slice());
  });
  const last = strings.at(-1) ?? new Uint8Array();
  while (strings.length < count) strings.push(last);
  return strings;
}

/** Per dtype, the number of the field with its elements, how that is written, and how an element goes into the array. */
const TYPED_FIELDS = {
  float32: [5, "fixed32"], complex64: [9, "fixed32"], float64: [6, "fixed64"], complex128: [12, "fixed64"],
  int8: [7, "varint"], int16: [7, "varint"], int32: [7, "varint"], uint8: [7, "varint"], uint16: [7, "varint"],
  int64: [10, "varint"], uint64: [17, "varint"], uint32: [16, "varint"], bool: [11, "varint"], float16: [13, "varint"], bfloat16: [13, "varint"],
} as const satisfies Record<Exclude<DType, "string">, readonly [number, "varint" | "fixed32" | "fixed64"]>;

function typedNumbers(dtype: Exclude<DType, "string">, bytes: Uint8Array<ArrayBuffer>, count: number, budget: ReadBudget): Tensor["data"] {
  const data = zeros(dtype, count);
  const [wanted, type] = TYPED_FIELDS[dtype];
  const proto = new ProtoReader(bytes, budget);
  // A complex element is two numbers; so what repeats is the last element, not the last number.
  const width = dtype === "complex64" || dtype === "complex128" ? 2 : 1;
  let filled = 0;
  proto.all((field) => {
    if (field !== wanted) return;
    proto.packed(type, () => {
      if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
        const value = proto.int64();
        if (filled < data.length) data[filled++] = value;
      } else {
        const value = type === "fixed32" ? proto.float() : type === "fixed64" ? proto.double() : proto.int();
        if (filled < data.length) data[filled++] = value;
      }
    });
  });
  const whole = filled - (filled % width);
  for (let at = whole; whole > 0 && at < data.length; ) {
    const more = Math.min(at - whole + width, data.length - at);
    data.copyWithin(at, whole - width, whole - width + more);
    at += more;
  }
  return data;
}

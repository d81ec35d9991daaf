import { DTYPES, type DType } from "../dtype.ts";
import { AshoreError } from "../errors.ts";
import { base64Bytes, isBase64Object } from "./base64-object.ts";
import { echo } from "./echo.ts";
import { KIND, type JsonTape } from "./json-tape.ts";

/** One element of a tensor from a JSON value that is no array. It throws INVALID_ARGUMENT or UNIMPLEMENTED. */
export type ReadLeaf<T> = (tape: JsonTape, node: number, dtype: DType) => T;

export const readNumber: ReadLeaf<number> = (tape, node, dtype) => {
  const kind = tape.kind(node);
  if (kind !== KIND.integer && kind !== KIND.double) throw wrongType(tape, node, dtype);
  return tape.number(node);
};

/** Reads an integer literal of at most 32 bits between two bounds, both included; `3.0` is none. */
export function readSmallInteger(least: number, most: number): ReadLeaf<number> {
  return (tape, node, dtype) => {
    const value = tape.kind(node) === KIND.integer ? tape.number(node) : Number.NaN;
    if (!(value >= least && value <= most)) throw wrongType(tape, node, dtype);
    return value;
  };
}

/** Reads an integer literal of at most 64 bits between two bounds, both included. */
export function readInteger(least: bigint, most: bigint): ReadLeaf<bigint> {
  return (tape, node, dtype) => {
    if (tape.kind(node) !== KIND.integer) throw wrongType(tape, node, dtype);
    const value = tape.bigint(node);
    if (value < least || value > most) throw wrongType(tape, node, dtype);
    return value;
  };
}

export const readBool: ReadLeaf<number> = (tape, node, dtype) => {
  const kind = tape.kind(node);
  if (kind !== KIND.true && kind !== KIND.false) throw wrongType(tape, node, dtype);
  return kind === KIND.true ? 1 : 0;
};

export const readString: ReadLeaf<Uint8Array> = (tape, node, dtype) => {
  if (tape.isString(node)) return tape.string(node);
  if (tape.kind(node) !== KIND.object) throw wrongType(tape, node, dtype);
  if (isBase64Object(tape, node)) return base64Bytes(tape, node);
  throw new AshoreError("INVALID_ARGUMENT", `JSON Value: ${echo(tape, node)} not formatted correctly for base64 data`);
};

export const refuseLeaf: ReadLeaf<number> = (tape, node, dtype) => {
  if (tape.kind(node) === KIND.object) throw wrongType(tape, node, dtype);
  throw new AshoreError("UNIMPLEMENTED", `Conversion of JSON Value: ${echo(tape, node)} to type: ${DTYPES[dtype].tf}`);
};

function wrongType(tape: JsonTape, node: number, dtype: DType): AshoreError {
  const type = `Type: ${tape.typeName(node)} is not of expected type: ${DTYPES[dtype].tf}`;
  return new AshoreError("INVALID_ARGUMENT", `JSON Value: ${echo(tape, node)} ${type}`);
}

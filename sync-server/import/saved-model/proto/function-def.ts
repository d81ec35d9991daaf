import { dataTypeName } from "./data-types.ts";
import { readNodeDef, type ReadNode } from "./node-def.ts";
import type { ProtoReader } from "./proto-reader.ts";

/** A function as it was written: its nodes refer to each other as `node:out_arg:i`, and to arguments by name. */
export interface ReadFunction {
  readonly name: string;
  readonly args: readonly ReadArg[];
  readonly results: readonly ReadArg[];
  readonly nodes: readonly ReadNode[];
  /** By result: the reference that it returns. */
  readonly returns: ReadonlyMap<string, string>;
}

interface ReadArg {
  readonly name: string;
  readonly type: string;
}

/** Reads a FunctionDef (tensorflow/core/framework/function.proto). */
export function readFunctionDef(proto: ProtoReader): ReadFunction {
  let name = "";
  const args: ReadArg[] = [];
  const results: ReadArg[] = [];
  const nodes: ReadNode[] = [];
  const returns = new Map<string, string>();
  proto.message((field) => {
    if (field === 1) {
      proto.message((inner) => {
        if (inner === 1) name = proto.string();
        else if (inner === 2) args.push(readArg(proto));
        else if (inner === 3) results.push(readArg(proto));
      });
    } else if (field === 3) nodes.push(readNodeDef(proto));
    else if (field === 4) returns.set(...proto.entry(() => proto.string(), () => ""));
  });
  return { name, args, results, nodes, returns };
}

function readArg(proto: ProtoReader): ReadArg {
  let name = "";
  let type = 0;
  proto.message((field) => {
    if (field === 1) name = proto.string();
    else if (field === 3) type = proto.int();
  });
  return { name, type: dataTypeName(type) };
}

import type { RawTensorInfo } from "../meta-graph.ts";
import { readShape } from "./attr-value.ts";
import { dataTypeName } from "./data-types.ts";
import { readFunctionDef, type ReadFunction } from "./function-def.ts";
import { readNodeDef, type ReadNode } from "./node-def.ts";
import type { ProtoReader } from "./proto-reader.ts";

/** What is read of a MetaGraphDef (tensorflow/core/protobuf/meta_graph.proto), before anything is made of it. */
export interface ReadMetaGraph {
  readonly tags: string[];
  readonly nodes: ReadNode[];
  readonly functions: ReadFunction[];
  readonly signatureDefs: Map<string, ReadSignatureDef>;
  readonly saver: { filename: string; restoreOp: string };
  /** Collections that are lists of names. */
  readonly nodeLists: Map<string, readonly string[]>;
  /** Collections of messages, each as its bytes. */
  readonly anyLists: Map<string, readonly Uint8Array<ArrayBuffer>[]>;
  readonly assets: ReadAsset[];
}

export interface ReadSignatureDef {
  readonly methodName: string;
  readonly inputs: ReadonlyMap<string, RawTensorInfo>;
  readonly outputs: ReadonlyMap<string, RawTensorInfo>;
  /** TensorProtos. */
  readonly defaults: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

export interface ReadAsset {
  readonly tensor: string;
  readonly file: string;
}

/** Reads a MetaGraphDef. What only TensorFlow's own loader wants (object graph, debug info, op list) is skipped. */
export function readMetaGraphDef(proto: ProtoReader): ReadMetaGraph {
  const meta: ReadMetaGraph = { tags: [], nodes: [], functions: [], signatureDefs: new Map(), saver: { filename: "", restoreOp: "" }, nodeLists: new Map(), anyLists: new Map(), assets: [] };
  proto.message((field) => {
    if (field === 1) {
      proto.message((inner) => {
        if (inner === 4) meta.tags.push(proto.string());
      });
    } else if (field === 2) {
      proto.message((inner) => {
        if (inner === 1) meta.nodes.push(readNodeDef(proto));
        else if (inner === 2) {
          proto.message((library) => {
            if (library === 1) meta.functions.push(readFunctionDef(proto));
          });
        }
      });
    } else if (field === 3) {
      proto.message((inner) => {
        if (inner === 1) meta.saver.filename = proto.string();
        else if (inner === 3) meta.saver.restoreOp = proto.string();
      });
    } else if (field === 4) readCollection(proto, meta);
    else if (field === 5) meta.signatureDefs.set(...proto.entry(() => readSignatureDef(proto), emptySignatureDef));
    else if (field === 6) meta.assets.push(readAssetFileDef(proto, (take) => proto.message(take)));
  });
  return meta;
}

/** Reads an AssetFileDef, which is a field's value or, in a collection, bytes of its own. */
export function readAssetFileDef(proto: ProtoReader, read: (take: (field: number) => void) => void): ReadAsset {
  let tensor = "";
  let file = "";
  read((field) => {
    if (field === 1) {
      proto.message((inner) => {
        if (inner === 1) tensor = proto.string();
      });
    } else if (field === 2) file = proto.string();
  });
  return { tensor, file };
}

/** A CollectionDef is a oneof; lists of numbers are not wanted. */
function readCollection(proto: ProtoReader, meta: ReadMetaGraph): void {
  const names: string[] = [];
  const anys: Uint8Array<ArrayBuffer>[] = [];
  const [key] = proto.entry(
    () => proto.message((field) => {
      if (field === 1) {
        proto.message((inner) => {
          if (inner === 1) names.push(proto.string());
        });
      } else if (field === 5) {
        proto.message((inner) => {
          if (inner === 1) anys.push(readAny(proto));
        });
      }
    }),
    () => undefined,
  );
  if (names.length > 0) meta.nodeLists.set(key, names);
  if (anys.length > 0) meta.anyLists.set(key, anys);
}

function readAny(proto: ProtoReader): Uint8Array<ArrayBuffer> {
  let value = new Uint8Array();
  proto.message((field) => {
    if (field === 2) value = proto.bytes();
  });
  return value;
}

function readSignatureDef(proto: ProtoReader): ReadSignatureDef {
  let methodName = "";
  const inputs = new Map<string, RawTensorInfo>();
  const outputs = new Map<string, RawTensorInfo>();
  const defaults = new Map<string, Uint8Array<ArrayBuffer>>();
  proto.message((field) => {
    if (field === 1) inputs.set(...proto.entry(() => readTensorInfo(proto), emptyTensorInfo));
    else if (field === 2) outputs.set(...proto.entry(() => readTensorInfo(proto), emptyTensorInfo));
    else if (field === 3) methodName = proto.string();
    else if (field === 4) defaults.set(...proto.entry(() => proto.bytes(), () => new Uint8Array()));
  });
  return { methodName, inputs, outputs, defaults };
}

const emptySignatureDef = (): ReadSignatureDef => ({ methodName: "", inputs: new Map(), outputs: new Map(), defaults: new Map() });
const emptyTensorInfo = (): RawTensorInfo => ({ name: "", type: dataTypeName(0), shape: [] });

function readTensorInfo(proto: ProtoReader): RawTensorInfo {
  let name = "";
  let type = 0;
  let shape: readonly number[] | null = [];
  proto.message((field) => {
    if (field === 1) name = proto.string();
    else if (field === 2) type = proto.int();
    else if (field === 3) {
      const { dim = [], unknownRank = false } = readShape(proto);
      shape = unknownRank ? null : dim.map(({ size }) => Number(size));
    }
  });
  return { name, type: dataTypeName(type), shape };
}

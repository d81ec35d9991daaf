import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Tensor } from "../../../protocol/tensor.ts";
import { bundleFiles, type BundleOptions, type StoredVariable } from "./bundle-writer.ts";
import { functionProto, GraphWriter, type Params } from "./graph-writer.ts";
import { attr, tensor, tensorInfoProto, tensorProto, type GraphDType, type Proto, type Shape } from "./protos.ts";
import { encodeProto } from "./tensorflow-proto.ts";

/** A signature def's tensor: where it is, its dtype and shape. */
export type SignatureTensor = readonly [name: string, dtype: GraphDType, shape: Shape];

export interface SignatureOptions {
  readonly method?: "predict" | "classify" | "regress";
  /** Values of inputs that a request may leave out. */
  readonly defaults?: Readonly<Record<string, Tensor>>;
}

interface RestoredVariable {
  readonly key: string;
  readonly slice: string;
  readonly dtype: Tensor["dtype"];
  readonly handle: string;
  readonly assign: "Assign" | "AssignVariableOp";
}

/**
 * One meta graph of a SavedModel. `tf2` has functions, handles of variables and a restore function, as `tf.saved_model.save`
 * writes them; `tf1` has one graph with `save/restore_all`, as SavedModelBuilder does.
 */
export class SavedModelWriter {
  readonly graph = new GraphWriter();
  readonly #style: "tf1" | "tf2";
  readonly #tags: readonly string[];
  readonly #functions: Proto[] = [];
  readonly #signatures: Record<string, Proto> = {};
  readonly #variables = new Map<string, StoredVariable>();
  readonly #restored: RestoredVariable[] = [];
  readonly #assets: { readonly tensor: string; readonly file: string; readonly text: string }[] = [];
  readonly #initializers: string[] = [];

  constructor(style: "tf1" | "tf2", { tags = ["serve"] }: { readonly tags?: readonly string[] } = {}) {
    this.#style = style;
    this.#tags = tags;
  }

  /** A variable that is restored from the checkpoint: the reference to its handle (`resource`), or to itself (`ref`, TF1). */
  variable(name: string, value: Tensor, kind: "resource" | "ref" = "resource"): string {
    const key = this.#style === "tf2" ? `${name}/.ATTRIBUTES/VARIABLE_VALUE` : name;
    this.#variables.set(key, value);
    return this.#declare(name, value, kind, key, "");
  }

  /** TF1: a variable in parts along its first axis, which the checkpoint holds under one key; the reference to the whole. */
  partitioned(name: string, { dtype, shape }: Tensor, parts: readonly Tensor[]): string {
    let start = 0;
    const slices = parts.map((part) => {
      const extents = part.shape.map((size, axis) => [axis === 0 ? start : 0, axis === 0 ? size : -1] as const);
      start += part.shape[0] ?? 0;
      return { extents, tensor: part };
    });
    this.#variables.set(name, { dtype, shape, slices });
    const reads = slices.map(({ extents, tensor: part }, at) => {
      const spec = `${shape.join(" ")} ${extents.map(([from, length]) => (length === -1 ? "-" : `${from},${length}`)).join(":")}`;
      return this.read(this.#declare(`${name}/part_${at}`, part, "ref", name, spec), part, "ref");
    });
    const axis = this.graph.constant(tensor.int([], [0]), { name: `${name}/axis` });
    return this.graph.op("ConcatV2", [...reads, axis], { N: attr.int(parts.length), T: attr.type(dtype), Tidx: attr.type("int32") }, { name });
  }

  /** The reference to a variable's value. */
  read(variable: string, { dtype }: Tensor, kind: "resource" | "ref" = "resource"): string {
    if (kind === "ref") return this.graph.op("Identity", [variable], { T: attr.type(dtype) }, { name: `${variable}/read` });
    return this.graph.op("ReadVariableOp", [variable], { dtype: attr.type(dtype) }, { name: `${variable}/Read/ReadVariableOp` });
  }

  /** Adds to the function library; its name. */
  define(name: string, args: Params, results: Params, body: (graph: GraphWriter, args: readonly string[]) => readonly string[]): string {
    this.#functions.push(functionProto(name, args, results, body));
    return name;
  }

  /** A file in `assets/`: the reference to the tensor that holds the path to it. */
  asset(file: string, text: string): string {
    const { graph } = this;
    const path = this.#style === "tf1" ? graph.constant(tensor.strings([], ["/where/it/was"]), { name: "asset_path" }) : graph.placeholder("asset_path_initializer", "string", []);
    this.#assets.push({ tensor: `${path}:0`, file, text });
    if (this.#style === "tf1") return path;
    const variable = graph.op("VarHandleOp", [], { dtype: attr.type("string"), shape: attr.shape([]), shared_name: attr.text(`Variable_${file}`) }, { name: "Variable" });
    const assigned = graph.op("AssignVariableOp", [variable, path], { dtype: attr.type("string") }, { name: `${variable}/Assign` });
    this.#initializers.push(assigned);
    return graph.op("ReadVariableOp", [variable], { dtype: attr.type("string") }, { after: [assigned] });
  }

  /** Lets a node run once after the variables are loaded. */
  initialise(reference: string): this {
    this.#initializers.push(reference);
    return this;
  }

  /** A table that is filled from a file of one key or value a line, which says `key` (whole lines to their numbers) or the other way. */
  tableOf(asset: string, direction: "line-to-number" | "number-to-line"): string {
    const forth = direction === "line-to-number";
    const [keys, values] = forth ? (["string", "int64"] as const) : (["int64", "string"] as const);
    const table = this.graph.op("HashTableV2", [], { key_dtype: attr.type(keys), value_dtype: attr.type(values), shared_name: attr.text(`table_${direction}`) }, { name: "hash_table" });
    const columns = { key_index: attr.int(forth ? -2 : -1), value_index: attr.int(forth ? -1 : -2) };
    if (this.#style === "tf1") {
      this.#initializers.push(this.graph.op("InitializeTableFromTextFileV2", [table, asset], columns));
      return table;
    }
    const initializer = this.define(`__inference__initializer_${this.#functions.length}`, { filepath: "string", table_handle: "resource" }, { identity: "int32" }, (body, [file = "", handle = ""]) => {
      const filled = body.op("InitializeTableFromTextFileV2", [handle, file], columns);
      return [body.op("Identity", [body.constant(tensor.int([], [1]))], { T: attr.type("int32") }, { after: [filled] })];
    });
    this.#initializers.push(this.graph.call(initializer, [asset, table], ["string", "resource"], ["int32"]));
    return table;
  }

  /** A signature def over tensors of the graph. */
  signature(name: string, inputs: Readonly<Record<string, SignatureTensor>>, outputs: Readonly<Record<string, SignatureTensor>>, { method = "predict", defaults = {} }: SignatureOptions = {}): this {
    const infos = (tensors: Readonly<Record<string, SignatureTensor>>): Proto =>
      Object.fromEntries(Object.entries(tensors).map(([key, [ref, dtype, shape]]) => [key, tensorInfoProto(ref.includes(":") ? ref : `${ref}:0`, dtype, shape)]));
    this.#signatures[name] = {
      inputs: infos(inputs),
      outputs: infos(outputs),
      method_name: `tensorflow/serving/${method}`,
      defaults: Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, tensorProto(value)])),
    };
    return this;
  }

  /**
   * TF2: a signature def whose body is a function, called as Keras and tf.function do: the signature's wrapper calls the function,
   * with the inputs and what it captures (handles of variables and tables).
   */
  serve(
    name: string,
    inputs: Readonly<Record<string, readonly [dtype: GraphDType, shape: Shape]>>,
    outputs: Readonly<Record<string, readonly [dtype: GraphDType, shape: Shape]>>,
    captures: readonly string[],
    body: (graph: GraphWriter, inputs: readonly string[], captures: readonly string[]) => readonly string[],
    options: SignatureOptions = {},
  ): this {
    const keys = Object.keys(inputs);
    const inputTypes = Object.values(inputs).map(([dtype]) => dtype);
    const outputTypes = Object.values(outputs).map(([dtype]) => dtype);
    const args = Object.fromEntries([...keys.map((key, at) => [key, inputTypes[at] ?? "float32"] as const), ...captures.map((_, at) => [`unknown_${at}`, "resource"] as const)]);
    const results = Object.fromEntries(outputTypes.map((dtype, at) => [at === 0 ? "identity" : `identity_${at}`, dtype]));
    const types = Object.values(args);
    const number = this.#functions.length;
    const inner = this.define(`__inference_${name}_${number}`, args, results, (graph, refs) => {
      const returned = body(graph, refs.slice(0, keys.length), refs.slice(keys.length));
      const done = graph.op("NoOp", [], {}, { after: graph.nodes.map((node) => String(node["name"])) });
      return returned.map((ref, at) => graph.op("Identity", [ref], { T: attr.type(outputTypes[at] ?? "float32") }, { after: [done] }));
    });
    const wrapper = this.define(`__inference_signature_wrapper_${name}_${number + 1}`, args, results, (graph, refs) => {
      const call = graph.call(inner, refs, types, outputTypes);
      return outputTypes.map((dtype, at) => graph.op("Identity", [graph.output(call, at)], { T: attr.type(dtype) }, { after: [call] }));
    });
    const fed = keys.map((key) => this.graph.placeholder(`${name}_${key}`, ...(inputs[key] ?? (["float32", null] as const))));
    const call = this.graph.call(wrapper, [...fed, ...captures], types, outputTypes);
    return this.signature(
      name,
      Object.fromEntries(keys.map((key, at) => [key, [fed[at] ?? "", ...(inputs[key] ?? (["float32", null] as const))]])),
      Object.fromEntries(Object.entries(outputs).map(([key, [dtype, shape]], at) => [key, [this.graph.output(call, at), dtype, shape]])),
      options,
    );
  }

  #metaGraph(): Proto {
    const saver = this.#restore();
    const collections: Record<string, Proto> = {};
    if (this.#initializers.length > 0 || this.#style === "tf2") {
      const init = this.graph.op("NoOp", [], {}, { after: this.#initializers, name: this.#style === "tf2" ? "NoOp" : "init_all_tables" });
      if (this.#style === "tf2") this.#signatures["__saved_model_init_op"] = { outputs: { __saved_model_init_op: { name: init, tensor_shape: { unknown_rank: true } } } };
      else collections["saved_model_main_op"] = { node_list: { value: [init] } };
    }
    return {
      meta_info_def: { tags: this.#tags, tensorflow_version: "2.21.0", stripped_default_attrs: true },
      graph_def: { node: this.graph.nodes, library: { function: this.#functions }, versions: { producer: 2000 } },
      saver_def: saver,
      collection_def: collections,
      signature_def: this.#signatures,
      asset_file_def: this.#assets.map(({ tensor: name, file }) => ({ tensor_info: { name }, filename: file })),
    };
  }

  /** The model's files by their paths, with other meta graphs beside this one if there are. Call it once, last. */
  files({ others = [], ...options }: BundleOptions & { readonly others?: readonly SavedModelWriter[] } = {}): Map<string, Uint8Array<ArrayBuffer>> {
    const all: readonly SavedModelWriter[] = [this, ...others];
    const files = new Map(bundleFiles("variables/variables", new Map(all.flatMap((one) => [...one.#variables])), options));
    for (const { file, text } of all.flatMap((one) => one.#assets)) files.set(`assets/${file}`, Buffer.from(text));
    files.set("saved_model.pb", encodeProto("SavedModel", { saved_model_schema_version: 1, meta_graphs: all.map((one) => one.#metaGraph()) }));
    return new Map([...files].map(([path, bytes]) => [path, new Uint8Array(bytes)]));
  }

  /** Writes the model's folder. */
  async write(folder: string, options?: Parameters<SavedModelWriter["files"]>[0]): Promise<void> {
    for (const [path, bytes] of this.files(options)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
  }

  #declare(name: string, { dtype, shape }: Tensor, kind: "resource" | "ref", key: string, slice: string): string {
    const attrs = { dtype: attr.type(dtype), shape: attr.shape(shape), shared_name: attr.text(kind === "ref" ? "" : name) };
    const handle = this.graph.op(kind === "ref" ? "VariableV2" : "VarHandleOp", [], attrs, { name });
    this.#restored.push({ key, slice, dtype, handle, assign: kind === "ref" ? "Assign" : "AssignVariableOp" });
    return handle;
  }

  /** What loads the variables: a node that runs after every variable was assigned its part of the checkpoint. */
  #restore(): Proto {
    const types = this.#restored.map(({ dtype }) => dtype);
    const assignAll = (graph: GraphWriter, prefix: string, handles: readonly string[], scope: string): string[] => {
      const keys = graph.constant(tensor.strings([types.length], this.#restored.map(({ key }) => key)), { name: `${scope}RestoreV2/tensor_names` });
      const slices = graph.constant(tensor.strings([types.length], this.#restored.map(({ slice }) => slice)), { name: `${scope}RestoreV2/shape_and_slices` });
      const restored = graph.op("RestoreV2", [prefix, keys, slices], { dtypes: attr.types(types) }, { name: `${scope}RestoreV2` });
      return this.#restored.map(({ assign, dtype }, at) => {
        const value = graph.op("Identity", [graph.output(restored, at)], { T: attr.type(dtype) }, { name: `${scope}Identity` });
        return graph.op(assign, [handles[at] ?? "", value], assign === "Assign" ? { T: attr.type(dtype) } : { dtype: attr.type(dtype) }, { name: `${scope}${assign}` });
      });
    };
    const handles = this.#restored.map(({ handle }) => handle);
    if (this.#style === "tf1") {
      const prefix = this.graph.constant(tensor.strings([], ["model"]), { name: "save/Const" });
      const all = this.graph.op("NoOp", [], {}, { name: "save/restore_all", after: assignAll(this.graph, prefix, handles, "save/") });
      return { filename_tensor_name: `${prefix}:0`, restore_op_name: all, version: 2 };
    }
    const args: Params = { file_prefix: "string", ...Object.fromEntries(handles.map((_, at) => [`variable_${at}`, "resource" as const])) };
    const restore = this.define("__inference__traced_restore", args, { identity: "string" }, (graph, [prefix = "", ...variables]) => [
      graph.op("Identity", [prefix], { T: attr.type("string") }, { after: assignAll(graph, prefix, variables, ""), name: "done" }),
    ]);
    const prefix = this.graph.placeholder("saver_filename", "string", []);
    const call = this.graph.call(restore, [prefix, ...handles], Object.values(args), ["string"]);
    return { filename_tensor_name: `${prefix}:0`, restore_op_name: call, version: 2 };
  }
}

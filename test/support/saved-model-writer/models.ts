import type { GraphWriter } from "./graph-writer.ts";
import { attr, tensor, type GraphDType } from "./protos.ts";
import { SavedModelWriter } from "./saved-model-writer.ts";

/** Small models, each of another kind, with numbers that can be reckoned by hand. */

const T = { T: attr.type("float32") };
const FLOAT = { dtype: attr.type("float32") };
const read = (graph: GraphWriter, handle: string | undefined): string => graph.op("ReadVariableOp", [handle ?? ""], FLOAT);

/** x [n, 2] · kernel [2, 3] + bias, in `serving_default` (`logits`, and `probabilities` by softmax) and `relu` (`y`). */
export function denseClassifier(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const kernel = model.variable("dense/kernel", tensor.float([2, 3], [1, 2, 3, 4, 5, 6]));
  const bias = model.variable("dense/bias", tensor.float([3], [0.5, -0.5, 0]));
  const logits = (graph: GraphWriter, x = "", [kernelRef, biasRef]: readonly string[]): string => {
    const product = graph.op("MatMul", [x, read(graph, kernelRef)], T);
    return graph.op("BiasAdd", [product, read(graph, biasRef)], T);
  };
  return model
    .serve("serving_default", { x: ["float32", [-1, 2]] }, { logits: ["float32", [-1, 3]], probabilities: ["float32", [-1, 3]] }, [kernel, bias], (graph, [x], variables) => {
      const sum = logits(graph, x, variables);
      return [sum, graph.op("Softmax", [sum], T)];
    })
    .serve("relu", { x: ["float32", [-1, 2]] }, { y: ["float32", [-1, 3]] }, [kernel, bias], (graph, [x], variables) => [graph.op("Relu", [logits(graph, x, variables)], T)]);
}

/** image [n, 3, 3, 1], convolved with [[1, 0], [0, 1]], batch norm (mean 1, variance 4, scale 2, offset 3), relu: y [n, 2, 2, 1]. Default attributes are left out. */
export function convolution(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const variables = [
    model.variable("kernel", tensor.float([2, 2, 1, 1], [1, 0, 0, 1])),
    ...Object.entries({ scale: 2, offset: 3, mean: 1, variance: 4 }).map(([name, value]) => model.variable(name, tensor.float([1], [value]))),
  ];
  return model.serve("serving_default", { image: ["float32", [-1, 3, 3, 1]] }, { y: ["float32", [-1, 2, 2, 1]] }, variables, (graph, [image = ""], [kernel, ...norm]) => {
    const convolved = graph.op("Conv2D", [image, read(graph, kernel)], { ...T, strides: attr.ints([1, 1, 1, 1]), padding: attr.text("VALID") });
    const normal = graph.op("FusedBatchNormV3", [convolved, ...norm.map((handle) => read(graph, handle))], { ...T, U: attr.type("float32"), is_training: attr.bool(false) });
    return [graph.op("Relu", [normal], T)];
  });
}

/** y = x doubled until one of it is 100 or more, by While; the step is a variable's value, and `steps` (int32) says how often. */
export function whileLoop(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const factor = model.variable("factor", tensor.float([], [2]));
  const state = { steps: "int32", x: "float32", factor: "resource" } as const satisfies Record<string, GraphDType>;
  const condition = model.define("while_cond", state, { identity: "bool" }, (graph, [, x = ""]) => {
    const largest = graph.op("Max", [x, graph.constant(tensor.int([1], [0]))], { ...T, Tidx: attr.type("int32") });
    return [graph.op("Less", [largest, graph.constant(tensor.float([], [100]))], T)];
  });
  const body = model.define("while_body", state, { identity: "int32", identity_1: "float32", identity_2: "resource" }, (graph, [steps = "", x = "", handle = ""]) => {
    const next = graph.op("AddV2", [steps, graph.constant(tensor.int([], [1]))], { T: attr.type("int32") });
    return [next, graph.op("Mul", [x, read(graph, handle)], T), handle];
  });
  return model.serve("serving_default", { x: ["float32", [-1]] }, { y: ["float32", [-1]], steps: ["int32", []] }, [factor], (graph, [x = ""], [handle = ""]) => {
    const loop = graph.op("While", [graph.constant(tensor.int([], [0])), x, handle], { T: attr.types(Object.values(state)), cond: attr.func(condition), body: attr.func(body) });
    return [graph.output(loop, 1), loop];
  });
}

/** y = x · weight where `scale` is true, else x - 1, by If. */
export function branch(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const weight = model.variable("weight", tensor.float([], [3]));
  const args = { x: "float32", weight: "resource" } as const satisfies Record<string, GraphDType>;
  const yes = model.define("cond_true", args, { identity: "float32" }, (graph, [x = "", handle]) => [graph.op("Mul", [x, read(graph, handle)], T)]);
  const no = model.define("cond_false", args, { identity: "float32" }, (graph, [x = ""]) => [graph.op("Sub", [x, graph.constant(tensor.float([], [1]))], T)]);
  return model.serve("serving_default", { scale: ["bool", []], x: ["float32", [-1]] }, { y: ["float32", [-1]] }, [weight], (graph, [scale = "", x = ""], [handle = ""]) => [
    graph.op("If", [scale, x, handle], { Tcond: attr.type("bool"), Tin: attr.types(Object.values(args)), Tout: attr.types(["float32"]), then_branch: attr.func(yes), else_branch: attr.func(no) }),
  ]);
}

/** tokens [n] to ids (int64) by a vocabulary of `the`, `cat`, `sat`, else -1; and labels of ids by another file. */
export function vocabulary(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const ids = model.tableOf(model.asset("vocabulary.txt", "the\ncat\nsat\n"), "line-to-number");
  const labels = model.tableOf(model.asset("labels.txt", "zero\none\ntwo\n"), "number-to-line");
  const lookup = (graph: GraphWriter, table = "", keys = "", otherwise = "", [from, to]: readonly [GraphDType, GraphDType]): string => graph.op("LookupTableFindV2", [table, keys, otherwise], { Tin: attr.type(from), Tout: attr.type(to) });
  return model
    .serve("serving_default", { tokens: ["string", [-1, -1]] }, { ids: ["int64", [-1, -1]] }, [ids], (graph, [tokens], [table]) => [
      lookup(graph, table, tokens, graph.constant(tensor.int64([], [-1])), ["string", "int64"]),
    ])
    .serve("labels", { ids: ["int64", [-1]] }, { labels: ["string", [-1]] }, [labels], (graph, [keys], [table]) => [
      lookup(graph, table, keys, graph.constant(tensor.strings([], ["?"])), ["int64", "string"]),
    ]);
}

/** classify and regress signature defs over serialized tf.Examples with two floats `x` (default 0, 0): score = x · [2, -1]. */
export function examples(): SavedModelWriter {
  const model = new SavedModelWriter("tf2");
  const weights = model.variable("weights", tensor.float([2, 1], [2, -1]));
  const score = (graph: GraphWriter, serialized = "", handle = ""): string => {
    const names = graph.constant(tensor.strings([0], []), { name: "names" });
    const none = graph.constant(tensor.strings([0], []), { name: "sparse_keys" });
    const keys = graph.constant(tensor.strings([1], ["x"]), { name: "dense_keys" });
    const ragged = graph.constant(tensor.strings([0], []), { name: "ragged_keys" });
    const otherwise = graph.constant(tensor.float([2], [0, 0]), { name: "default" });
    const parsed = graph.op("ParseExampleV2", [serialized, names, none, keys, ragged, otherwise], {
      Tdense: attr.types(["float32"]), dense_shapes: attr.shapes([[2]]), num_sparse: attr.int(0), ragged_split_types: attr.types([]), ragged_value_types: attr.types([]), sparse_types: attr.types([]),
    });
    return graph.op("MatMul", [parsed, read(graph, handle)], T);
  };
  return model
    .serve("serving_default", { inputs: ["string", [-1]] }, { outputs: ["float32", [-1, 1]] }, [weights], (graph, [serialized], [handle]) => [score(graph, serialized, handle)], { method: "regress" })
    .serve("classify", { inputs: ["string", [-1]] }, { scores: ["float32", [-1, 1]] }, [weights], (graph, [serialized], [handle]) => [score(graph, serialized, handle)], { method: "classify" });
}

/** TF1: y = x · w + b with ref variables, of which w is in two parts. */
export function refVariables(): SavedModelWriter {
  const model = new SavedModelWriter("tf1");
  const { graph } = model;
  const x = graph.placeholder("x", "float32", [-1, 3]);
  const whole = tensor.float([3, 2], [1, 2, 3, 4, 5, 6]);
  const w = model.partitioned("w", whole, [tensor.float([2, 2], [1, 2, 3, 4]), tensor.float([1, 2], [5, 6])]);
  const bias = tensor.float([2], [10, 20]);
  const b = model.read(model.variable("b", bias, "ref"), bias, "ref");
  const y = graph.op("AddV2", [graph.op("MatMul", [x, w], T), b], T, { name: "y" });
  return model.signature("serving_default", { x: [x, "float32", [-1, 3]] }, { y: [y, "float32", [-1, 2]] });
}

/** TF1: y = x + 1 where x sums to more than 0, else -x, by Switch and Merge; the tag set is `edge`. */
export function switchMerge(): SavedModelWriter {
  const model = new SavedModelWriter("tf1", { tags: ["edge"] });
  const { graph } = model;
  const x = graph.placeholder("x", "float32", [-1]);
  const sum = graph.op("Sum", [x, graph.constant(tensor.int([1], [0]))], { ...T, Tidx: attr.type("int32") });
  const positive = graph.op("Greater", [sum, graph.constant(tensor.float([], [0]))], T);
  const branches = graph.op("Switch", [x, positive], T);
  const yes = graph.op("AddV2", [graph.output(branches, 1), graph.constant(tensor.float([], [1]), { after: [positive] })], T);
  const y = graph.op("Merge", [graph.op("Neg", [branches], T), yes], { ...T, N: attr.int(2) });
  return model.signature("serving_default", { x: [x, "float32", [-1]] }, { y: [y, "float32", [-1]] });
}

import type { GraphModel } from "@tensorflow/tfjs-converter";
import { engine, tensor, type io, type NamedTensorMap, type Tensor as TfTensor } from "@tensorflow/tfjs-core";
import { AshoreError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { NamedTensors, Tensor } from "../protocol/tensor.ts";
import type { BackendProvider, OnDevice } from "./backends.ts";
import { graphOf, needsAsync, nodeName } from "./converter.ts";
import { executionError } from "./execution-error.ts";
import { checkFeed, type EngineTensor, type EngineTensors } from "./feeds.ts";
import { complexTensor } from "./weights.ts";

/**
 * A graph on a backend. Every call of its methods belongs into the realm's engine queue, with its backend the realm's; a
 * promise must have settled before the next call.
 */
export class LoadedGraph {
  readonly backend: Backend;
  readonly #model: GraphModel<io.IOHandlerSync>;
  readonly #readsAreFresh: boolean;
  readonly #onDevice: OnDevice | undefined;
  readonly #alwaysAsync: boolean;
  /** By feeds and fetches: whether they need `executeAsync`. */
  readonly #plans = new Map<string, boolean>();

  constructor(model: GraphModel<io.IOHandlerSync>, provider: BackendProvider, hasInitializer: boolean) {
    this.#model = model;
    this.backend = provider.name;
    this.#readsAreFresh = provider.readsAreFresh;
    this.#onDevice = provider.onDevice;
    // The initializer makes hash tables, which TF.js does asynchronously.
    this.#alwaysAsync = hasInitializer;
  }

  /**
   * The values of `fetches` (graph tensor names), computed from feeds by graph tensor name in the engine's dtypes. Synchronous,
   * unless the graph has control flow or the like, or the backend a device apart. The answers' memory is the caller's own.
   * @throws INVALID_ARGUMENT, RESOURCE_EXHAUSTED, MODEL_UNSUPPORTED_OP, ENGINE_CRASHED
   */
  execute(feeds: NamedTensors, fetches: readonly string[]): EngineTensors | Promise<EngineTensors> {
    const isAsync = this.#isAsync(feeds, fetches);
    if (this.#onDevice !== undefined) return this.#executeOnDevice(this.#onDevice, isAsync, feeds, fetches);
    if (isAsync) return this.#executeAsync(feeds, fetches);
    const tf = engine();
    tf.startScope();
    try {
      return this.#answers(fetches, this.#model.execute(toTf(feeds), fetches as string[]), readNow);
    } catch (thrown) {
      throw executionError(thrown);
    } finally {
      tf.endScope();
    }
  }

  async #executeAsync(feeds: NamedTensors, fetches: readonly string[]): Promise<EngineTensors> {
    const tf = engine();
    tf.startScope();
    try {
      return this.#answers(fetches, await this.#model.executeAsync(toTf(feeds), fetches as string[]), readNow);
    } catch (thrown) {
      throw executionError(thrown);
    } finally {
      tf.endScope();
    }
  }

  async #executeOnDevice(onDevice: OnDevice, isAsync: boolean, feeds: NamedTensors, fetches: readonly string[]): Promise<EngineTensors> {
    const tf = engine();
    tf.startScope();
    try {
      return await onDevice(
        () => (isAsync ? this.#model.executeAsync(toTf(feeds), fetches as string[]) : this.#model.execute(toTf(feeds), fetches as string[])),
        async (results) => {
          const values = await Promise.all([results].flat().map((result) => tf.read(result.dataId)));
          return this.#answers(fetches, results, (_, i) => values[i]);
        },
      );
    } catch (thrown) {
      throw executionError(thrown);
    } finally {
      tf.endScope();
    }
  }

  dispose(): void {
    this.#model.dispose();
  }

  #isAsync(feeds: NamedTensors, fetches: readonly string[]): boolean {
    const names = Object.keys(feeds);
    const key = `${names.join("\n")}\n\n${fetches.join("\n")}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const graph = graphOf(this.#model);
    if (fetches.length === 0) throw new AshoreError("INVALID_ARGUMENT", "No output is asked for.");
    for (const name of names) {
      if (graph.nodes[nodeName(name)] === undefined) throw new AshoreError("INVALID_ARGUMENT", `The graph has no tensor ${name} to feed.`);
    }
    for (const name of fetches) {
      if (graph.nodes[nodeName(name)] === undefined) throw new AshoreError("INVALID_ARGUMENT", `The graph has no tensor ${name} to fetch.`);
    }
    const isAsync = this.#alwaysAsync || needsAsync(graph, names, fetches);
    this.#plans.set(key, isAsync);
    return isAsync;
  }

  #answers(fetches: readonly string[], results: TfTensor | TfTensor[], valuesOf: (result: TfTensor, i: number) => unknown): EngineTensors {
    const answers: Record<string, EngineTensor> = {};
    for (let i = 0; i < fetches.length; i++) {
      const name = fetches[i] ?? "";
      const result = Array.isArray(results) ? results[i] : results;
      if (result === undefined) throw new AshoreError("INVALID_ARGUMENT", `The graph's tensor ${name} has no value for these inputs.`);
      answers[name] = this.#answer(result, valuesOf(result, i));
    }
    return answers;
  }

  #answer({ dtype, shape }: TfTensor, values: unknown): EngineTensor {
    switch (dtype) {
      case "float32":
      case "complex64":
        return { dtype, shape, data: this.#owned(values as Float32Array<ArrayBuffer>, Float32Array) };
      case "int32":
        return { dtype, shape, data: this.#owned(values as Int32Array<ArrayBuffer>, Int32Array) };
      case "bool":
        return { dtype, shape, data: this.#owned(values as Uint8Array<ArrayBuffer>, Uint8Array) };
      case "string":
        return { dtype, shape, data: values as Uint8Array[] };
      default:
        throw new AshoreError("INTERNAL", `TensorFlow.js answered with the dtype ${String(dtype)}.`);
    }
  }

  /** The plain JavaScript backend gives out its own arrays (a weight's too, where the graph only renames it), or plain ones. */
  #owned<T extends object>(data: T, array: new (data: T) => T): T {
    return this.#readsAreFresh ? data : new array(data);
  }
}

/** As TF.js's `dataSync`, but strings stay bytes. */
function readNow({ dataId }: TfTensor): unknown {
  return engine().readSync(dataId);
}

function toTf(feeds: NamedTensors): NamedTensorMap {
  const tensors: NamedTensorMap = {};
  for (const name in feeds) {
    const feed = feeds[name];
    if (feed !== undefined) tensors[name] = feedTensor(name, feed);
  }
  return tensors;
}

function feedTensor(name: string, feed: Tensor): TfTensor {
  const { dtype, shape, data } = checkFeed(name, feed);
  switch (dtype) {
    case "string":
      return tensor(data as Uint8Array[], shape as number[], dtype);
    case "complex64":
      return complexTensor(data, shape);
    default:
      return engine().makeTensor(data, shape as number[], dtype);
  }
}

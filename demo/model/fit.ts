import * as tf from "@tensorflow/tfjs";
import { conv2d } from "./conv2d.ts";
import { distort, type Distortion } from "./distort.ts";
import { PIXELS, SIDE, type Digits } from "./mnist.ts";
import { weightShapes, type Network } from "./network.ts";
import { seededRandom, type SeededRandom } from "./seeded-random.ts";

export interface Course {
  readonly seed: number;
  readonly epochs: number;
  readonly batch: number;
  /** Adam's learning rate at its height; it rises over the first tenth of the run and falls as half a cosine to nothing. */
  readonly rate: number;
  readonly distortion: Distortion;
}

export interface Epoch {
  readonly epoch: number;
  /** Mean cross entropy of its batches. */
  readonly loss: number;
  readonly seconds: number;
}

/** A network's weights by the names that its graph uses: `conv1/kernel`, `conv1/bias`, ... */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>;

/** Trains a network from nothing. On the backend that is set; with the same seed and backend the weights come out the same. */
export async function fit(network: Network, digits: Digits, course: Course, onEpoch: (epoch: Epoch) => void): Promise<Weights> {
  const random = seededRandom(course.seed);
  const variables = startWeights(network, random);
  const optimizer = tf.train.adam(course.rate);
  const steps = Math.floor(digits.count / course.batch) * course.epochs;
  const pixels = new Float32Array(course.batch * PIXELS);
  let step = 0;
  for (let epoch = 1; epoch <= course.epochs; epoch++) {
    const started = performance.now();
    const order = random.order(digits.count);
    let loss = 0;
    let batches = 0;
    for (let from = 0; from + course.batch <= digits.count; from += course.batch, batches++) {
      const chosen = order.subarray(from, from + course.batch);
      chosen.forEach((digit, i) =>
        distort(digits.images.subarray(digit * PIXELS, (digit + 1) * PIXELS), pixels.subarray(i * PIXELS, (i + 1) * PIXELS), course.distortion, random),
      );
      setRate(optimizer, rateAt(course.rate, step++ / steps));
      const cost = tf.tidy<tf.Scalar>(() => {
        const images = tf.tensor4d(pixels, [course.batch, SIDE, SIDE, 1]);
        const classes = tf.oneHot(tf.tensor1d(Int32Array.from(chosen, (digit) => digits.labels[digit] ?? 0), "int32"), 10);
        const cost = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(classes, logits(network, variables, images)), true, [...variables.values()]);
        if (cost === null) throw new Error("The optimizer returned no cost.");
        return cost;
      });
      loss += (await cost.data())[0] ?? Number.NaN;
      cost.dispose();
    }
    onEpoch({ epoch, loss: loss / batches, seconds: (performance.now() - started) / 1000 });
  }
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>();
  for (const [name, variable] of variables) weights.set(name, { shape: variable.shape, data: Float32Array.from(await variable.data()) });
  optimizer.dispose();
  variables.forEach((variable) => variable.dispose());
  return weights;
}

function logits(network: Network, variables: ReadonlyMap<string, tf.Variable>, images: tf.Tensor4D): tf.Tensor2D {
  const weight = (name: string): tf.Variable => {
    const variable = variables.get(name);
    if (variable === undefined) throw new Error(`The network has no weights ${name}.`);
    return variable;
  };
  let x: tf.Tensor = images;
  for (const layer of network.layers) {
    if (layer.op === "pool") {
      x = tf.maxPool(x as tf.Tensor4D, 2, 2, "same");
    } else {
      const kernel = weight(`${layer.name}/kernel`);
      const product = layer.op === "conv" ? conv2d(x as tf.Tensor4D, kernel as tf.Tensor as tf.Tensor4D) : tf.matMul(tf.reshape(x, [images.shape[0], layer.from]), kernel);
      const sum = tf.add(product, weight(`${layer.name}/bias`));
      x = layer.op === "conv" || layer.relu ? tf.relu(sum) : sum;
    }
  }
  return x as tf.Tensor2D;
}

/** Kernels as He et al. start them before a ReLU, biases zero. */
function startWeights({ layers }: Network, random: SeededRandom): Map<string, tf.Variable> {
  const variables = new Map<string, tf.Variable>();
  for (const layer of layers) {
    const shapes = weightShapes(layer);
    if (shapes === undefined) continue;
    const inputs = shapes.kernel.slice(0, -1).reduce((product, size) => product * size, 1);
    const kernel = Float32Array.from({ length: inputs * (shapes.kernel.at(-1) ?? 0) }, () => random.normal() * Math.sqrt(2 / inputs));
    variables.set(`${layer.name}/kernel`, tf.variable(tf.tensor(kernel, [...shapes.kernel])));
    variables.set(`${layer.name}/bias`, tf.variable(tf.zeros([...shapes.bias])));
  }
  return variables;
}

function rateAt(height: number, done: number): number {
  return height * Math.min(1, done * 10 + 0.01) * 0.5 * (1 + Math.cos(Math.PI * done));
}

/** TF.js's Adam reads this field at every step and has no setter for it. */
function setRate(optimizer: tf.AdamOptimizer, rate: number): void {
  Object.assign(optimizer, { learningRate: rate });
}

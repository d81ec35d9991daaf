import { SIDE } from "./mnist.ts";

/** A step of a network. A convolution keeps the size (3 x 3, with ReLU); a pool halves it; `dense` with `relu` is a hidden layer. */
export type Layer =
  | { readonly op: "conv"; readonly name: string; readonly from: number; readonly to: number }
  | { readonly op: "pool"; readonly name: string }
  | { readonly op: "dense"; readonly name: string; readonly from: number; readonly to: number; readonly relu: boolean };

export interface Network {
  readonly layers: readonly Layer[];
}

/** Pools round the size up, as padding "same" does. */
const half = (size: number): number => Math.ceil(size / 2);

/** Convolutions of so many channels, each followed by a pool, then dense layers of so many units, the last the ten classes. */
export function network({ conv, dense }: { readonly conv: readonly number[]; readonly dense: readonly number[] }): Network {
  const layers: Layer[] = [];
  let channels = 1;
  let side = SIDE;
  conv.forEach((to, i) => {
    layers.push({ op: "conv", name: `conv${i + 1}`, from: channels, to }, { op: "pool", name: `pool${i + 1}` });
    channels = to;
    side = half(side);
  });
  let from = side * side * channels;
  dense.forEach((to, i) => {
    layers.push({ op: "dense", name: `dense${i + 1}`, from, to, relu: i < dense.length - 1 });
    from = to;
  });
  return { layers };
}

/** Shapes of a layer's weights: what TensorFlow calls the filter (or kernel) and the bias. */
export function weightShapes(layer: Layer): { readonly kernel: readonly number[]; readonly bias: readonly number[] } | undefined {
  switch (layer.op) {
    case "conv":
      return { kernel: [3, 3, layer.from, layer.to], bias: [layer.to] };
    case "dense":
      return { kernel: [layer.from, layer.to], bias: [layer.to] };
    case "pool":
      return undefined;
  }
}

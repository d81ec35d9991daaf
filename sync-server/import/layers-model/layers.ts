import type { Layer } from "./layer.ts";
import { CONVOLUTIONS } from "./convolution-layers.ts";
import { CORE } from "./core-layers.ts";
import { MERGES } from "./merge-layers.ts";
import { RECURRENT } from "./recurrent-layers.ts";

/** What is known, by the class's name in Keras. */
export const LAYERS: ReadonlyMap<string, Layer> = new Map([...Object.entries(CORE), ...Object.entries(CONVOLUTIONS), ...Object.entries(MERGES), ...Object.entries(RECURRENT)]);

import type { Course } from "./fit.ts";
import { network, type Network } from "./network.ts";

/** A version of `digits`, and how it is trained. */
export interface DigitsVersion {
  readonly version: number;
  /** Where its files are kept, from demo/. */
  readonly folder: string;
  readonly network: Network;
  readonly course: Course;
  /** What it must reach on the last 2,000 digits. */
  readonly atLeast: number;
}

/** Version 1 is small and soon trained. Version 2 is wider and deeper, has seen each digit more often and never the same way twice. */
export const DIGITS_VERSIONS: readonly DigitsVersion[] = [
  {
    version: 1,
    folder: "models/digits/1",
    network: network({ conv: [8, 16], dense: [10] }),
    course: { seed: 1, epochs: 8, batch: 50, rate: 0.004, distortion: { degrees: 8, scale: 0.1, shear: 0.1, pixels: 1 } },
    atLeast: 0.975,
  },
  {
    version: 2,
    folder: "versions/digits/2",
    network: network({ conv: [16, 32, 64], dense: [48, 10] }),
    course: { seed: 2, epochs: 16, batch: 50, rate: 0.003, distortion: { degrees: 12, scale: 0.15, shear: 0.15, pixels: 2 } },
    atLeast: 0.985,
  },
];

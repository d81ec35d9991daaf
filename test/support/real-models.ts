import { cp, mkdir } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { mulberry32 } from "../../protocol/self-test.ts";
import { ROOT } from "./root.ts";

const HUMAN = join(ROOT, "node_modules/@vladmandic/human/models");
const BASIC_PITCH = join(ROOT, "node_modules/@spotify/basic-pitch/model");

export const REAL_MODELS = ["antispoof", "basic-pitch", "blazeface", "centernet", "emotion", "facemesh", "handtrack"] as const;
export type RealModel = (typeof REAL_MODELS)[number];

/** Lays one of the models that our development packages ship out as a version folder. */
export async function copyRealModel(name: RealModel, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (name === "basic-pitch") {
    await cp(BASIC_PITCH, folder, { recursive: true });
    return;
  }
  await cp(join(HUMAN, `${name}.json`), join(folder, "model.json"));
  const { weightsManifest } = JSON.parse(readFileSync(join(HUMAN, `${name}.json`), "utf8")) as { weightsManifest: { paths: string[] }[] };
  for (const path of weightsManifest.flatMap(({ paths }) => paths)) await cp(join(HUMAN, path), join(folder, path));
}

interface ExpectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}
export interface Expected {
  readonly inputs: readonly ExpectedTensor[];
  readonly outputs: readonly (ExpectedTensor & { readonly samples: readonly (readonly [number, number])[] })[];
}

/** Reference answers of plain TF.js on `cpu`, kept beside the repository; undefined where that folder is not there. */
export function expectedAnswers(name: RealModel): Expected | undefined {
  const file = join(dirname(ROOT), "shared", "models", name, "1", "expected.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Expected) : undefined;
}

type Nested = number | readonly Nested[];

/** The reference input as nested lists: one mulberry32(42) stream through all inputs in order; int32 as floor(256 u). */
export function referenceInputs(expected: Expected): Record<string, Nested> {
  const random = mulberry32(42);
  const inputs: Record<string, Nested> = {};
  for (const { name, dtype, shape } of expected.inputs) {
    const nest = (axis: number): Nested => {
      if (axis === shape.length) return dtype === "int32" ? Math.floor(random() * 256) : Math.fround(random());
      return Array.from({ length: shape[axis] ?? 0 }, () => nest(axis + 1));
    };
    inputs[name] = nest(0);
  }
  return inputs;
}

export function flatten(value: unknown, into: unknown[] = []): unknown[] {
  if (Array.isArray(value)) for (const item of value) flatten(item, into);
  else into.push(value);
  return into;
}

import { expect, test } from "vitest";
import { AshoreError } from "../../protocol/errors.ts";
import type { ExampleFeature } from "../../protocol/manifest.ts";
import { parseExamples } from "../../protocol/parse-examples.ts";
import { serializeExamples, type Feature } from "../../protocol/rest/index.ts";
import { elementCount, type Tensor } from "../../protocol/tensor.ts";
import { looseTfExample, tfExample, type FeatureValues } from "../support/tf-example.ts";
import { mutateBytes } from "./mutate.ts";
import { rounds, type Random } from "./random.ts";

/** Serialized tf.Examples as protobufjs writes them, and as anybody may change them: the very values come out, or a typed refusal. */
type Values = Exclude<FeatureValues, null>;

const parse = (features: readonly ExampleFeature[], examples: readonly Uint8Array[]): readonly Tensor[] => parseExamples({ dtype: "string", shape: [examples.length], data: examples }, features);

function randomFeature(random: Random, at: number): ExampleFeature {
  const shape = Array.from({ length: random.below(3) }, () => random.below(4));
  return { key: `${random.of(["x", "é", ""])}${at}`, tensor: `t${at}:0`, dtype: random.of(["float32", "int64", "string"]), shape };
}

function randomValues(random: Random, { dtype, shape }: ExampleFeature): Values {
  const length = elementCount(shape);
  if (dtype === "float32") return Array.from({ length }, () => Math.fround(random.of([0, -1, 1e30, NaN, Infinity, random.below(1e9) / 7])));
  if (dtype === "int64" && random.chance(0.2)) return Array.from({ length }, () => random.of([0n, 2n ** 53n, 2n ** 56n - 1n, 2n ** 56n, 2n ** 63n - 1n, -1n, -(2n ** 63n)]));
  if (dtype === "int64") return Array.from({ length }, () => BigInt.asIntN(random.of([7, 8, 28, 32, 33, 63, 64]), BigInt(random.below(2 ** 32)) << BigInt(random.below(33))));
  return Array.from({ length }, () => random.bytes(random.of([0, 1, 200])));
}

/** A list without values has no kind that a writer would leave in place. */
const isWritten = (feature: ExampleFeature): boolean => elementCount(feature.shape) > 0;

test("what protobufjs writes is read back, packed or not", async () => {
  await rounds(300, 31, (random) => {
    const features = Array.from({ length: 1 + random.below(6) }, (_, at) => randomFeature(random, at)).filter(isWritten);
    const batch = Array.from({ length: random.below(4) }, () => features.map((feature) => randomValues(random, feature)));
    const loosely = features.every(({ dtype }) => dtype !== "string") && random.chance(0.5);
    const examples = batch.map((values) => {
      const named = Object.fromEntries(features.map(({ key }, at) => [key, values[at] ?? []]));
      return loosely ? looseTfExample(named as Record<string, number[] | bigint[]>) : tfExample(named);
    });
    const read = parse(features, examples);
    read.forEach(({ data, shape }, place) => {
      expect(shape).toEqual([batch.length, ...(features[place]?.shape ?? [])]);
      expect(Array.from<unknown>(data)).toEqual(batch.flatMap((values) => [...(values[place] ?? [])]));
    });
  });
});

test("changed bytes are read as something that fits, or refused", async () => {
  let refused = 0;
  await rounds(3000, 32, (random) => {
    const features = Array.from({ length: 1 + random.below(4) }, (_, at) => randomFeature(random, at));
    const named = Object.fromEntries(features.map((feature) => [feature.key, randomValues(random, feature)]));
    const bytes = random.chance(0.1) ? random.bytes(random.below(300)) : mutateBytes(tfExample(named), random);
    try {
      for (const [place, { data, shape, dtype }] of parse(features, [bytes]).entries()) {
        expect([dtype, shape, data.length]).toEqual([features[place]?.dtype, [1, ...(features[place]?.shape ?? [])], elementCount(shape)]);
        if (dtype === "string") expect(Array.from<unknown>(data).every((one) => one instanceof Uint8Array)).toBe(true);
      }
    } catch (thrown) {
      refused += 1;
      expect(thrown).toBeInstanceOf(AshoreError);
      expect(thrown).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });
  expect(refused).toBeGreaterThan(300);
});

test("what a request says is serialized byte for byte as protobufjs does it", async () => {
  await rounds(300, 33, (random) => {
    const features = Array.from({ length: random.below(6) }, (_, at) => randomFeature(random, at)).filter(isWritten);
    const named: Record<string, FeatureValues> = Object.fromEntries(features.map((feature) => [feature.key, random.chance(0.1) ? null : randomValues(random, feature)]));
    const asked = new Map(Object.entries(named).map(([key, values]) => [key, featureOf(values)]));
    const { data } = serializeExamples({ context: random.chance(0.5) ? undefined : new Map(), examples: [asked] });
    expect(Buffer.from((data as Uint8Array[])[0] ?? []).subarray(-tfExample(named).length)).toEqual(Buffer.from(tfExample(named)));
  });
});

function featureOf(values: FeatureValues): Feature {
  if (values === null) return { kind: "none" };
  const [first] = values;
  if (typeof first === "number") return { kind: "float", values: values as number[] };
  if (typeof first === "bigint") return { kind: "int64", values: values as bigint[] };
  return { kind: "bytes", values: values as Uint8Array[] };
}

import { parse } from "protobufjs";

/** tensorflow/core/example: written by protobufjs, for readers of our own to be tried on. */
const { root } = parse(`
  syntax = "proto3";
  message BytesList { repeated bytes value = 1; }
  message FloatList { repeated float value = 1 [packed = true]; }
  message Int64List { repeated int64 value = 1 [packed = true]; }
  message Feature { oneof kind { BytesList bytesList = 1; FloatList floatList = 2; Int64List int64List = 3; } }
  message Features { map<string, Feature> feature = 1; }
  message Example { Features features = 1; }
  message LooseFloats { repeated float value = 1 [packed = false]; }
  message LooseInt64s { repeated int64 value = 1 [packed = false]; }
  message LooseFeature { oneof kind { LooseFloats floatList = 2; LooseInt64s int64List = 3; } }
  message LooseFeatures { map<string, LooseFeature> feature = 1; }
  message LooseExample { LooseFeatures features = 1; int32 other = 1000; }
`);
const Example = root.lookupType("Example");
const LooseExample = root.lookupType("LooseExample");

/** Numbers are floats, bigints int64s, text and bytes bytes; null is a feature without a kind. */
export type FeatureValues = readonly number[] | readonly bigint[] | readonly (string | Uint8Array)[] | null;

function feature(values: FeatureValues): object {
  if (values === null) return {};
  const [first] = values;
  if (typeof first === "number") return { floatList: { value: values } };
  if (typeof first === "bigint") return { int64List: { value: values.map(String) } };
  return { bytesList: { value: values.map((value) => (typeof value === "string" ? new TextEncoder().encode(value) : value)) } };
}

export function tfExample(features: Readonly<Record<string, FeatureValues>>): Uint8Array<ArrayBuffer> {
  return serialize(Example, features);
}

/** The same, each number in a field of its own, and with a field that nobody knows. */
export function looseTfExample(features: Readonly<Record<string, readonly number[] | readonly bigint[]>>): Uint8Array<ArrayBuffer> {
  return serialize(LooseExample, features, { other: 7 });
}

function serialize(type: typeof Example, features: Readonly<Record<string, FeatureValues>>, rest: object = {}): Uint8Array<ArrayBuffer> {
  const feature_ = Object.fromEntries(Object.entries(features).map(([name, values]) => [name, feature(values)]));
  return new Uint8Array(type.encode(type.fromObject({ features: { feature: feature_ }, ...rest })).finish());
}

/**
 * A node's attributes in the JSON form of protobuf (AttrValue in tensorflow/core/framework/attr_value.proto), which is what
 * TF.js's converter reads: `{ "type": "DT_FLOAT" }`, `{ "i": "1" }`, `{ "s": base64 }`, `{ "shape": … }`, `{ "func": { name } }`.
 * A Const's `value` is not among them (see `graph.ts`).
 */
export type Attrs = Record<string, AttrValue>;

export interface ShapeProto {
  readonly dim?: readonly { readonly size: string }[];
  readonly unknownRank?: boolean;
}

export interface AttrValue {
  readonly type?: string;
  /** A 64-bit integer as text. */
  readonly i?: string;
  readonly f?: number | "NaN" | "Infinity" | "-Infinity";
  readonly b?: boolean;
  /** Bytes, base64. */
  readonly s?: string;
  readonly shape?: ShapeProto;
  readonly func?: { readonly name: string; readonly attr?: Attrs };
  readonly list?: {
    readonly type?: readonly string[];
    readonly i?: readonly string[];
    readonly f?: readonly number[];
    readonly b?: readonly boolean[];
    readonly s?: readonly string[];
    readonly shape?: readonly ShapeProto[];
    readonly func?: readonly { readonly name: string }[];
  };
}

export const typeAttr = (type: string): AttrValue => ({ type });
export const intAttr = (i: number | bigint): AttrValue => ({ i: String(i) });
export const floatAttr = (f: number): AttrValue => ({ f });
export const boolAttr = (b: boolean): AttrValue => ({ b });
export const textAttr = (text: string): AttrValue => ({ s: Buffer.from(text, "utf8").toString("base64") });
export const intsAttr = (i: readonly number[]): AttrValue => ({ list: { i: i.map(String) } });
export const textsAttr = (texts: readonly string[]): AttrValue => ({ list: { s: texts.map((text) => Buffer.from(text, "utf8").toString("base64")) } });
export const shapeAttr = (sizes: readonly number[]): AttrValue => ({ shape: { dim: sizes.map((size) => ({ size: String(size) })) } });

export function typeOf(attrs: Attrs, name: string): string | undefined {
  return attrs[name]?.type;
}

export function intOf(attrs: Attrs, name: string, otherwise: number): number {
  const value = attrs[name];
  return value === undefined ? otherwise : Number(value.i ?? 0);
}

export function floatOf(attrs: Attrs, name: string, otherwise: number): number {
  const value = attrs[name];
  return value === undefined ? otherwise : Number(value.f ?? 0);
}

export function boolOf(attrs: Attrs, name: string, otherwise: boolean): boolean {
  const value = attrs[name];
  return value === undefined ? otherwise : (value.b ?? false);
}

export function textOf(attrs: Attrs, name: string, otherwise: string): string {
  const value = attrs[name];
  return value === undefined ? otherwise : Buffer.from(value.s ?? "", "base64").toString("utf8");
}

export function intsOf(attrs: Attrs, name: string): readonly number[] | undefined {
  const value = attrs[name];
  return value === undefined ? undefined : (value.list?.i ?? []).map(Number);
}

export function textsOf(attrs: Attrs, name: string): readonly string[] | undefined {
  const value = attrs[name];
  return value === undefined ? undefined : (value.list?.s ?? []).map((s) => Buffer.from(s, "base64").toString("utf8"));
}

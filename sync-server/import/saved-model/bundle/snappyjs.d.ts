declare module "snappyjs" {
  /** @throws for data that is no Snappy, or that says it is longer than `maxLength` bytes */
  export function uncompress(compressed: Uint8Array, maxLength?: number): Uint8Array<ArrayBuffer>;
  export function compress(uncompressed: Uint8Array): Uint8Array<ArrayBuffer>;
}

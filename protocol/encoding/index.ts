export { canDecode, decode, type DecodeOptions } from "./codecs.ts";
export { planes, unplanes } from "./planes.ts";

import { expect, test } from "vitest";
import { digestOfHex, type Digest } from "../../../protocol/digest.ts";
import type { EncodedBlob, Manifest } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { Journal } from "../../../runtime/ports.ts";
import { storedModels } from "../../../runtime/store/index.ts";

const hex = (n: number): string => n.toString(16).padStart(64, "0");
const digest = (n: number): Digest => digestOfHex(hex(n));
const blob = (n: number): EncodedBlob => ({ mediaType: "application/octet-stream", digest: digest(n), size: 0, encodings: [] });
const manifest = (model: string, n: number, graph: number, ...shards: number[]): Manifest => ({
  schemaVersion: 1,
  model: modelName(model),
  version: version(n),
  created: "2026-01-01T00:00:00Z",
  signatureDefs: {},
  assets: [],
  selfTest: null,
  warmup: [],
  variants: [{ name: "float32", format: "tfjs-graph-model", graph: blob(graph), index: blob(graph), shards: shards.map(blob) }],
});
const held = (n: number, manifestBlob: number) => ({ version: version(n), manifest: { sha256: hex(manifestBlob), length: 1 } });

test("versions with what each takes, and for the model what goes with it alone", () => {
  const journal: Journal = {
    schemaVersion: 1,
    installSecret: "0".repeat(32),
    models: {
      a: { config: { target: { sha256: hex(90), length: 1 }, metadataVersion: 1 }, held: [held(1, 1), held(2, 2)], served: null, failed: [] },
      b: { config: null, held: [held(1, 3)], served: null, failed: [] },
      c: { config: null, held: [], served: null, failed: [] },
    },
  };
  // Both versions of `a` have blob 11; blob 10 is in `b` too; 13 is not stored (it came in no variant of this device's).
  const manifests = new Map([[digest(1), manifest("a", 1, 10, 11)], [digest(2), manifest("a", 2, 10, 11, 12, 13)], [digest(3), manifest("b", 1, 10)]]);
  const sizes = new Map([[1, 1], [2, 2], [3, 3], [10, 100], [11, 1000], [12, 10_000], [90, 50]].map(([n = 0, size = 0]) => [digest(n), size] as const));
  expect(storedModels(journal, sizes, manifests)).toEqual([
    { name: "a", versions: [{ version: 2, bytes: 11_102 }, { version: 1, bytes: 1101 }], bytes: 1 + 2 + 1000 + 10_000 + 50 },
    { name: "b", versions: [{ version: 1, bytes: 103 }], bytes: 3 },
  ]);
});

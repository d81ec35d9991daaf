import { expect, test } from "vitest";
import type { Manifest } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { fitManifest } from "../../../sync-server/publish/fit-manifest.ts";

const MANIFEST: Manifest = { schemaVersion: 1, model: modelName("m"), version: version(1), created: "2026-01-01T00:00:00Z", signatureDefs: {}, assets: [], selfTest: null, warmup: [], variants: [] };

test("why signature defs are not served is said as long as there is room, and is the first to go", () => {
  const short = { ...MANIFEST, unserved: { train: "It changes the variable w." } };
  expect(fitManifest(short)).toEqual(short);
  expect(fitManifest({ ...MANIFEST, unserved: { train: "x".repeat(70_000) } })).toEqual(MANIFEST);
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createInProcessEngineHost } from "../../../../engine/in-process-host.ts";
import { importModel } from "../../../../sync-server/import/index.ts";
import { distance } from "../../../support/import-graphs.ts";
import { packGraph } from "../../../support/pack-graph.ts";
import { realInputs } from "../../../support/real-inputs.ts";
import { copyRealModel, REAL_MODELS } from "../../../support/real-models.ts";
import { WASM_PATH } from "../../../support/wasm-path.ts";

describe("real models", () => {
  // The converter warns that some models could be run synchronously, where they cannot.
  beforeAll(() => void vi.spyOn(console, "warn").mockImplementation(() => {}));
  afterAll(() => void vi.restoreAllMocks());
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashore-optimise-"));
    for (const name of REAL_MODELS) await copyRealModel(name, join(root, name));
  });
  afterAll(() => rm(root, { recursive: true }));
  const host = createInProcessEngineHost({ wasmPath: WASM_PATH });

  test.each(REAL_MODELS.flatMap((name) => (["wasm", "cpu"] as const).map((backend) => [name, backend] as const)))("%s answers as before on %s, and is no larger", async (name, backend) => {
    const plain = await importModel(join(root, name), { optimise: false });
    const optimised = await importModel(join(root, name));
    const { feeds, fetches } = realInputs(name, plain.signatureDefs);
    const [before, after] = [await host.load(packGraph(plain), { backend }), await host.load(packGraph(optimised), { backend })];
    expect(distance(await before.run(feeds, fetches), await after.run(feeds, fetches))).toBeLessThan(1e-5);
    await before.close();
    await after.close();
    const size = ({ tensors }: typeof plain): number => tensors.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    expect(size(optimised)).toBeLessThanOrEqual(size(plain));
    expect(optimised.stages?.some(({ did }) => did.length > 0)).toBe(true);
    // The same source gives the same bytes.
    expect((await importModel(join(root, name))).graph).toEqual(optimised.graph);
  });
});

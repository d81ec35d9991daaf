import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { nodeClock } from "../../edge/node-clock.ts";
import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import { digestOfHex } from "../../protocol/digest.ts";
import type { Backend, Manifest } from "../../protocol/manifest.ts";
import { modelName, version } from "../../protocol/names.ts";
import { InferenceTime, Manager } from "../../runtime/activate/index.ts";
import { createRestCore } from "../../runtime/predict/index.ts";
import type { ImportedModel } from "../../sync-server/import/imported-model.ts";
import { packGraph } from "./pack-graph.ts";
import { ROOT } from "./root.ts";

const FOLDER = resolve(ROOT, "../shared/saved-models");

/** One request, and what real TensorFlow answers to it. */
export interface SavedModelCase {
  readonly signature_name: string;
  readonly method: "predict" | "classify" | "regress";
  readonly version?: number;
  readonly tags?: readonly string[];
  /** The body as it stands in the file: `5.0` is no integer, which matters where examples are made of it. */
  readonly request: string;
  readonly response: unknown;
  readonly rtol: number;
  readonly atol: number;
  readonly note?: string;
}

/** Real SavedModels, which lie beside the repository; none where they do not. */
export const SAVED_MODELS: readonly string[] = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => existsSync(join(FOLDER, name, "cases.json"))) : [];

export function casesOf(model: string): readonly SavedModelCase[] {
  // JSON.parse makes 5 of 5.0: through it as text, and back.
  const marked = readFileSync(join(FOLDER, model, "cases.json"), "utf8").replace(/(?<=[[:,\s])-?\d+\.0(?=[,\]}\s])/g, '"@$&"');
  const plain = (value: unknown): string => JSON.stringify(value).replace(/"@([^"]*)"/g, "$1");
  return (JSON.parse(marked) as Record<string, unknown>[]).map((one) => ({ ...(JSON.parse(plain(one)) as SavedModelCase), request: plain(one["request"]) }));
}

/** The folder of one version. */
export function savedModelFolder(model: string, number: number | string = 1): string {
  return join(FOLDER, model, String(number));
}

export interface Served {
  ask(method: string, body: string): Promise<{ readonly status: number; readonly text: string }>;
  close(): Promise<void>;
}

/** An imported model behind the runtime's own REST core, on one backend, without a publisher between. */
export async function serveImported(imported: ImportedModel, backend: Backend): Promise<Served> {
  const engine = createInProcessEngineHost({ backends: [backend] });
  const manifest: Manifest = { schemaVersion: 1, model: modelName("m"), version: version(1), created: "2026-01-01T00:00:00Z", signatureDefs: { ...imported.signatureDefs }, unserved: { ...imported.unserved }, assets: [], selfTest: null, warmup: [], variants: [] };
  const manager = new Manager({
    load: async (model, { version: number, digest }, { signal }) => ({
      model,
      version: number,
      digest,
      manifest,
      backend,
      hosted: await engine.load(packGraph(imported), { backend, signal }),
      time: new InferenceTime(nodeClock),
    }),
    clock: nodeClock,
    report: () => undefined,
    beforeLatest: async () => undefined,
    onFailed: (_model, _version, error) => {
      throw error;
    },
  });
  manager.setAspired(manifest.model, { aspired: [{ version: version(1), digest: digestOfHex("1".padStart(64, "0")) }], blocked: new Set(), labels: {}, latestFloor: 0 });
  manager.complete();
  await manager.settled();
  const core = createRestCore({ manager, clock: nodeClock });
  return {
    async ask(method, body) {
      const answer = await core.handle({ method: "POST", target: `/v1/models/m:${method}`, headers: {}, body: () => new TextEncoder().encode(body) });
      return { status: answer.status, text: typeof answer.body === "string" ? answer.body : new TextDecoder().decode(answer.body) };
    },
    async close() {
      core.close();
      await manager.close(AbortSignal.abort());
    },
  };
}

/** What differs between an answer and the right one, or undefined: numbers within the tolerance, all else equal. */
export function difference(actual: unknown, expected: unknown, { rtol, atol }: Pick<SavedModelCase, "rtol" | "atol">, path = ""): string | undefined {
  if (typeof expected === "number" && typeof actual === "number") {
    const near = Number.isInteger(expected) && Number.isInteger(actual) ? actual === expected : Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
    return near ? undefined : `${path} is ${actual}, expected ${expected}`;
  }
  if (typeof expected === "object" && expected !== null && typeof actual === "object" && actual !== null) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    for (const key of keys) {
      const found = difference(Reflect.get(actual, key), Reflect.get(expected, key), { rtol, atol }, `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return actual === expected ? undefined : `${path} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`;
}

import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Command } from "../support/processes.ts";
import { copyRealModel, expectedAnswers, flatten, REAL_MODELS, referenceInputs, type Expected, type RealModel } from "../support/real-models.ts";
import { createRestClient, until } from "../support/rest-client.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

/** On a random input handtrack's detections are near ties: only these two of its outputs are determined. */
const NEAR_TIES: Partial<Record<RealModel, readonly string[]>> = { handtrack: ["Identity_6", "Identity_7"] };

interface Metadata {
  readonly metadata: { readonly signature_def: { readonly signature_def: { readonly serving_default: { readonly inputs: Record<string, unknown>; readonly outputs: Record<string, { readonly name: string }> } } } };
}

/** Asks as a user would: looks the names up in the metadata, sends columnar JSON, reads columnar JSON. */
async function judge(url: string, model: RealModel, expected: Expected): Promise<void> {
  const client = createRestClient(url);
  try {
    const metadata = JSON.parse((await client.get(`/v1/models/${model}/metadata`)).body) as Metadata;
    const signature = metadata.metadata.signature_def.signature_def.serving_default;
    const keys = Object.keys(signature.inputs);
    const reference = referenceInputs(expected);
    const inputs = Object.fromEntries(Object.entries(reference).map(([name, value]) => [keys.find((key) => key.replace(/:0$/, "") === name) ?? keys[0], value]));
    const answer = await client.post(`/v1/models/${model}:predict`, JSON.stringify({ inputs }));
    expect(answer.status, answer.body.slice(0, 300)).toBe(200);

    const outputs = (JSON.parse(answer.body) as { outputs: unknown }).outputs;
    const byTensor = new Map(Object.entries(signature.outputs).map(([key, { name }]) => [name.replace(/:0$/, ""), Object.keys(signature.outputs).length === 1 ? outputs : (outputs as Record<string, unknown>)[key]]));
    const byKey = new Map(Object.keys(signature.outputs).map((key) => [key.replace(/:0$/, ""), Object.keys(signature.outputs).length === 1 ? outputs : (outputs as Record<string, unknown>)[key]]));
    for (const { name, shape, samples } of expected.outputs) {
      const value = byTensor.get(name) ?? byKey.get(name);
      const flat = flatten(value);
      expect(flat.length, `${model} ${name}`).toBe(shape.reduce((a, b) => a * b, 1));
      if (NEAR_TIES[model]?.includes(name) === false) continue;
      const scale = Math.max(...samples.map(([, x]) => Math.abs(x)));
      for (const [index, x] of samples) {
        expect(Math.abs(Number(flat[index]) - x), `${model} ${name}[${index}] is ${String(flat[index])}, expected ${x}`).toBeLessThanOrEqual(1e-3 * Math.abs(x) + 1e-3 * Math.max(scale, 1e-3));
      }
    }
  } finally {
    client.close();
  }
}

const known = REAL_MODELS.filter((model) => expectedAnswers(model) !== undefined);

describe.skipIf(known.length < REAL_MODELS.length)("seven real models (their reference answers lie beside the repository; skipped where they are not)", () => {
  let workshop: Workshop;
  let server: Command;
  let edge: Command;
  beforeAll(async () => {
    workshop = await openWorkshop();
    for (const model of REAL_MODELS) await workshop.drop(model, 1, (folder) => copyRealModel(model, folder));
    const lines = REAL_MODELS.map((model) => `  - model: ${model}\n    base_path: ${workshop.path("models", model)}\n`);
    await writeFile(workshop.path("model_server.yaml"), `models:\n${lines.join("")}`);
    server = await workshop.serve("--config", workshop.path("model_server.yaml"));
    const client = createRestClient(server.url);
    await until(() => client.get("/readyz"), ({ status }) => status === 200, 180);
    client.close();
  }, 240_000);
  afterAll(() => workshop.close());

  test.each(REAL_MODELS)("%s: the server answers as plain TF.js does", async (model) => {
    await judge(server.url, model, expectedAnswers(model) as Expected);
  }, 60_000);

  test("the edge, restarted after the server is gone, answers for each of them as plain TF.js does", async () => {
    edge = await workshop.edge(server.url);
    const client = createRestClient(edge.url);
    await until(() => client.get("/readyz"), ({ status }) => status === 200, 120);
    client.close();
    expect(await edge.stop()).toBe(0);
    await server.kill();
    edge = await workshop.edge(server.url);
    for (const model of REAL_MODELS) {
      const restarted = createRestClient(edge.url);
      await until(() => restarted.get(`/v1/models/${model}`), ({ body }) => body.includes('"AVAILABLE"'), 120);
      restarted.close();
      await judge(edge.url, model, expectedAnswers(model) as Expected);
    }
  }, 240_000);
});

import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Command } from "../support/processes.ts";
import { createRestClient, until } from "../support/rest-client.ts";
import { casesOf, difference, SAVED_MODELS, savedModelFolder } from "../support/saved-models.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

/** One meta graph has another tag set than the others, and a server takes one for all of its models. */
const MODELS = SAVED_MODELS.filter((model) => model !== "custom_tag");

describe.skipIf(MODELS.length === 0)("real SavedModels, dropped into a server's folders, on an edge (they lie beside the repository; skipped where they do not)", () => {
  let workshop: Workshop;
  let edge: Command;
  beforeAll(async () => {
    workshop = await openWorkshop();
    const lines = MODELS.map((model) => `  - model: ${model}\n    base_path: ${dirname(savedModelFolder(model))}\n    version_policy: all\n`);
    await writeFile(workshop.path("model_server.yaml"), `models:\n${lines.join("")}`);
    const server = await workshop.serve("--config", workshop.path("model_server.yaml"), "--no-inference");
    edge = await workshop.edge(server.url);
    const client = createRestClient(edge.url);
    for (const model of MODELS) {
      const asked = new Set(casesOf(model).map(({ version = 1 }) => version));
      for (const version of asked) await until(() => client.get(`/v1/models/${model}/versions/${version}`), ({ body }) => body.includes('"AVAILABLE"'), 120);
    }
    client.close();
    await server.kill();
  }, 240_000);
  afterAll(() => workshop.close());

  test.each(MODELS)("%s", async (model) => {
    const client = createRestClient(edge.url);
    try {
      for (const one of casesOf(model)) {
        const { status, body } = await client.post(`/v1/models/${model}/versions/${one.version ?? 1}:${one.method}`, one.request);
        const what = `${one.signature_name} ${one.note ?? ""}: ${body.slice(0, 400)}`;
        if (model === "unsupported_linalg" && one.signature_name === "serving_default") {
          expect(status, what).toBe(501);
          for (const op of ["Cholesky", "Erfinv", "MatrixInverse"]) expect(body).toContain(`${op} (1 node: `);
          continue;
        }
        expect(status, what).toBe(200);
        expect(difference(JSON.parse(body), one.response, one), what).toBeUndefined();
      }
    } finally {
      client.close();
    }
  }, 60_000);
});

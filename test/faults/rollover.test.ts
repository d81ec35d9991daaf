import { afterEach, expect, test } from "vitest";
import { writeLinearModel } from "../support/make-model.ts";
import { createRestClient, until, type Answer } from "../support/rest-client.ts";
import { answersWith, LINEAR_BODY, linearAnswer, openWorkshop, type Workshop } from "../support/workshop.ts";

let workshop: Workshop;
afterEach(() => workshop.close());

const PATH = "/v1/models/line:predict";
const expected = new Map([
  ["1", linearAnswer(2, 0.5)],
  ["2", linearAnswer(3, 0.25)],
  ["4", linearAnswer(5, 0.125)],
]);

/** Eight connections that ask one after the other, without a retry, until they are told to stop. */
function load(url: string): { readonly stop: () => Promise<readonly (readonly Answer[])[]> } {
  let on = true;
  const lanes = Array.from({ length: 8 }, async () => {
    const client = createRestClient(url);
    const answers: Answer[] = [];
    while (on) answers.push(await client.post(PATH, LINEAR_BODY));
    client.close();
    return answers;
  });
  return {
    stop: () => {
      on = false;
      return Promise.all(lanes);
    },
  };
}

test("version 2 takes over under 8 connections without a failed request; a broken version 3 never answers; versions only rise", async () => {
  workshop = await openWorkshop();
  await workshop.drop("line", 1, (folder) => writeLinearModel(folder, 2, 0.5));
  const server = await workshop.serve("--no-inference", "--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  const edge = await workshop.edge(server.url);
  await answersWith(edge.url, "line", 1);

  const traffic = load(edge.url);
  await workshop.drop("line", 2, (folder) => writeLinearModel(folder, 3, 0.25));
  await answersWith(edge.url, "line", 2);
  await workshop.drop("line", 3, (folder) => writeLinearModel(folder, 4, 0, { op: "NoSuchOp" }));
  await server.line(/NoSuchOp/);
  await workshop.drop("line", 4, (folder) => writeLinearModel(folder, 5, 0.125));
  await answersWith(edge.url, "line", 4);
  const lanes = await traffic.stop();

  const all = lanes.flat();
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter(({ status }) => status !== 200)).toEqual([]);
  for (const answers of lanes) {
    const versions = answers.map(({ headers }) => Number(headers["x-ashore-model-version"]));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  }
  for (const { headers, body } of all) {
    const version = String(headers["x-ashore-model-version"]);
    expect([version, (JSON.parse(body) as { predictions: number[] }).predictions]).toEqual([version, expected.get(version)]);
  }
  const status = createRestClient(edge.url);
  const versions = JSON.parse((await status.get("/v1/models/line")).body) as { model_version_status: { version: string; state: string }[] };
  expect(versions.model_version_status.filter(({ state }) => state === "AVAILABLE")).toEqual([expect.objectContaining({ version: "4" })]);
  expect(versions.model_version_status.some(({ version }) => version === "3")).toBe(false);
  status.close();
}, 120_000);

test("a folder that is taken away rolls the edge back to the version before, without a failed request", async () => {
  workshop = await openWorkshop();
  await workshop.drop("line", 1, (folder) => writeLinearModel(folder, 2, 0.5));
  await workshop.drop("line", 2, (folder) => writeLinearModel(folder, 3, 0.25));
  const server = await workshop.serve("--no-inference", "--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  const edge = await workshop.edge(server.url);
  await answersWith(edge.url, "line", 2);
  const traffic = load(edge.url);
  await workshop.drop("line", 1_000, async (folder) => {
    // Moved into place and away again: the same as `mv` by hand, and what is left is version 1 and this unreadable one.
    const { mkdir, rename } = await import("node:fs/promises");
    await mkdir(folder, { recursive: true });
    await rename(workshop.path("models", "line", "2"), workshop.path("two-taken-away"));
  });
  await answersWith(edge.url, "line", 1);
  const answers = (await traffic.stop()).flat();
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
}, 120_000);

test("a repository that turns empty unpublishes nothing, and says so", async () => {
  workshop = await openWorkshop();
  await workshop.drop("line", 1, (folder) => writeLinearModel(folder, 2, 0.5));
  const server = await workshop.serve("--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  await answersWith(server.url, "line", 1);
  const { rename } = await import("node:fs/promises");
  await rename(workshop.path("models", "line", "1"), workshop.path("taken-away"));
  await server.line(/empty|no version/i);
  await answersWith(server.url, "line", 1);
  await rename(workshop.path("models", "line"), workshop.path("gone"));
  await server.line(/vanish|gone|cannot be read|missing/i);
  await answersWith(server.url, "line", 1);
  const client = createRestClient(server.url);
  const status = await until(() => client.get("/v1/models/line"), ({ status: code }) => code === 200);
  expect(status.body).toContain('"AVAILABLE"');
  client.close();
}, 120_000);

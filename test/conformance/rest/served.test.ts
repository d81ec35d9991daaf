import { afterAll, beforeAll, expect, test } from "vitest";
import { writeLinearModel } from "../../support/make-model.ts";
import { answersWith, openWorkshop, type Workshop } from "../../support/workshop.ts";
import { askHttp } from "./ask-http.ts";
import { casesOfOneModel } from "./asking.ts";

/** The same requests at `ashore serve` and at `ashore edge`, with a model that computes. */

const cases = await casesOfOneModel();
const urls = { serve: "", edge: "" };
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
  for (const version of [1, 7]) await workshop.drop("m", version, (folder) => writeLinearModel(folder, 1, 0));
  const config = `model_config_list { config { name: "m" base_path: "${workshop.path("models", "m")}" model_version_policy { all {} } version_labels { key: "canary" value: 7 } } }`;
  const server = await workshop.serve("--model_config_file", await workshop.write("models.config", config));
  await answersWith(server.url, "m/versions/1", 1);
  await answersWith(server.url, "m/labels/canary", 7);
  const edge = await workshop.edge(server.url);
  await answersWith(edge.url, "m/versions/1", 1);
  await answersWith(edge.url, "m/labels/canary", 7);
  Object.assign(urls, { serve: server.url, edge: edge.url });
});
afterAll(() => workshop?.close());

test.each(["serve", "edge"] as const)("ashore %s", async (host) => {
  expect(cases.length).toBeGreaterThan(100);
  const wrong: unknown[] = [];
  for (const { name, question, shown, expected } of cases) {
    const said = shown(await askHttp(urls[host], question));
    if (JSON.stringify(said) !== JSON.stringify(expected)) wrong.push({ name, said, expected });
  }
  expect(wrong).toEqual([]);
});

import { afterEach, beforeEach, expect, test } from "vitest";
import { modelName, version } from "../../../protocol/names.ts";
import { createDemo } from "../../../sync-server/demo.ts";
import type { Demo } from "../../../sync-server/routes/demo-routes.ts";
import { readServing } from "../../../sync-server/publish/index.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";

let publishing: Publishing;
let demo: Demo;
let signed: number;

beforeEach(async () => {
  publishing = await startPublishing();
  await writeLinearModel(publishing.folder("digits/1"), 1, 0);
  await writeLinearModel(publishing.folder("next/2"), 2, 0);
  await publishing.publish("digits", 1, { fromRepository: true });
  signed = 0;
  demo = createDemo(
    { site: publishing.root, model: modelName("digits"), next: { version: version(2), folder: publishing.folder("next/2") } },
    { ...publishing.ports, publish: ({ source, ...request }, options) => publishing.publish("digits", 2, { source, ...request }, options), onSigned: () => (signed += 1) },
  );
});
afterEach(() => publishing.close());

test("forth publishes, back reverts, and forth again publishes no other bytes", async () => {
  expect(await publishing.served("digits")).toEqual([1]);
  const steps = [2, 1, 2, 2, 1] as const;
  const offered: unknown[] = [];
  const manifests = new Set<string | undefined>();
  for (const to of steps) {
    await demo.moveTo(version(to));
    offered.push(await publishing.served("digits"));
    const { record } = await readServing(publishing.ports, modelName("digits"));
    manifests.add(record?.config.versions.find((entry) => entry.version === 2)?.manifest.sha256);
  }
  expect(offered).toEqual([[1, 2], [1], [1, 2], [1, 2], [1]]);
  manifests.delete(undefined);
  expect(manifests.size).toBe(1);
  expect(signed).toBe(steps.length);
});

test("a version that was never published is not offered", async () => {
  await expect(demo.moveTo(version(3))).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(await publishing.served("digits")).toEqual([1]);
});

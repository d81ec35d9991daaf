import { cp, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeDeepModel, writeLinearModel } from "../../support/make-model.ts";
import { createRestClient, until, type Answer } from "../../support/rest-client.ts";
import { start, type Run } from "./run-cli.ts";

/** `ashore serve` as a team that comes from TensorFlow Serving starts it: by its flags and its files. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-tfs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const BODY = '{"instances":[1,2,3]}';
const models = (name: string): string => join(folder, "models", name);

/** Asks until the answer is as wanted. */
async function answers(url: string, target: string, matches: (answer: Answer) => boolean, body?: string): Promise<Answer> {
  const client = createRestClient(url);
  try {
    return await until(() => (body === undefined ? client.get(target) : client.post(target, body)), matches, 30);
  } finally {
    client.close();
  }
}

const ok = ({ status }: Answer): boolean => status === 200;
const by = (version: number) => ({ status, headers }: Answer): boolean => status === 200 && headers["x-ashore-model-version"] === String(version);
const predictions = ({ body }: Answer): unknown => (JSON.parse(body) as { predictions: unknown }).predictions;

/** Put in place whole, as an editor or a mounted config map does it. */
async function putConfig(...configs: readonly string[]): Promise<void> {
  await writeFile(join(folder, "next.config"), `model_config_list {\n${configs.map((text) => `  config { ${text} }\n`).join("")}}\n`);
  await rename(join(folder, "next.config"), join(folder, "models.config"));
}

const line = (labels: Readonly<Record<string, number>>, versions: readonly number[] = [1, 2]): string =>
  `name: "line" base_path: "${models("line")}" model_platform: "tensorflow" model_version_policy { specific { ${versions.map((version) => `versions: ${version}`).join(" ")} } } ${Object.entries(labels).map(([key, value]) => `version_labels { key: "${key}" value: ${value} }`).join(" ")}`;
const other = (): string => `name: "other" base_path: "${models("other")}"`;
const broken = (): string => `name: "broken" base_path: "${models("broken")}"`;
const missing = (): string => `name: "missing" base_path: "${models("missing")}"`;

describe("a model config file", () => {
  let server: Run;
  let url: string;

  beforeAll(async () => {
    await writeLinearModel(`${models("line")}/1`, 2, 1);
    await writeLinearModel(`${models("line")}/2`, 3, 0);
    await writeLinearModel(`${models("other")}/1`, 5, 0);
    await writeLinearModel(`${models("broken")}/1`, 1, 1, { op: "FancyOp" });
    await putConfig(line({ stable: 1, canary: 2 }), broken(), missing(), other());
    server = start(
      folder, "serve", "--model_config_file=models.config", "--model_config_file_poll_wait_seconds", "0.05", "--file_system_poll_wait_seconds=0.05",
      "--rest_api_port=0", "--data=state", "--log_format=json", "--allow_version_labels_for_unavailable_models=true",
    );
    url = await server.url;
  });
  afterAll(() => server.stop());

  test("serves several models, with labels from the start; what is broken or missing stops no other, and is named", async () => {
    expect(predictions(await answers(url, "/v1/models/line/labels/stable:predict", by(1), BODY))).toEqual([3, 5, 7]);
    expect(predictions(await answers(url, "/v1/models/line/labels/canary:predict", by(2), BODY))).toEqual([3, 6, 9]);
    await answers(url, "/v1/models/other:predict", by(1), BODY);
    const ended = await answers(url, "/v1/models/broken", ({ body }) => body.includes("END"));
    expect(ended.body).toMatch(/FancyOp/);
    const { body, status } = await answers(url, "/readyz", ({ body: text }) => text.includes("FancyOp"));
    expect(status).toBe(503);
    const ready = JSON.parse(body) as { models: { name: string; ready: boolean; reason?: string }[] };
    expect(ready.models.map(({ name, ready: is, reason }) => [name, is, reason])).toEqual([
      ["line", true, undefined],
      ["broken", true, expect.stringMatching(/FancyOp/)],
      ["missing", false, expect.stringMatching(/models\/missing cannot be read/)],
      ["other", true, undefined],
    ]);
  });

  test("labels move while requests go on: none fails, none sees neither version", async () => {
    const client = createRestClient(url);
    const seen: (string | undefined)[] = [];
    const failed: Answer[] = [];
    let isMoving = true;
    const asking = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (isMoving) {
          const answer = await client.post("/v1/models/line/labels/stable:predict", BODY);
          const version = answer.headers["x-ashore-model-version"];
          const expected = version === "1" ? [3, 5, 7] : [3, 6, 9];
          if (answer.status !== 200 || JSON.stringify(predictions(answer)) !== JSON.stringify(expected)) failed.push(answer);
          if (seen.at(-1) !== version) seen.push(typeof version === "string" ? version : undefined);
        }
      }),
    );
    await putConfig(line({ stable: 2, canary: 2 }), broken(), other());
    await answers(url, "/v1/models/line/labels/stable:predict", by(2), BODY);
    await putConfig(line({ stable: 1, canary: 2 }), broken(), other());
    await answers(url, "/v1/models/line/labels/stable:predict", by(1), BODY);
    // And to a version that has to be published and loaded first, while the one that it leaves goes.
    await writeLinearModel(`${models("line")}/3`, 3, 0);
    await putConfig(line({ stable: 3 }, [3]), broken(), other());
    await answers(url, "/v1/models/line/labels/stable:predict", by(3), BODY);
    await answers(url, "/v1/models/line/labels/canary:predict", ({ status, body }) => status === 400 && body.includes("Unrecognized servable version label: canary"), BODY);
    isMoving = false;
    await asking;
    client.close();
    expect(failed).toEqual([]);
    expect(seen.filter((version, at) => version !== seen[at - 1])).toEqual(["1", "2", "1", "3"]);
  });

  test("one that cannot be read is told once, and changes nothing", async () => {
    await writeFile(join(folder, "models.config"), "model_config_list {\n  config {\n    nmae: 'line'\n");
    await expect.poll(() => server.err()).toMatch(/unknown field 'nmae'/);
    expect((await answers(url, "/v1/models/line:predict", ok, BODY)).headers["x-ashore-model-version"]).toBe("3");
    await answers(url, "/v1/models/other:predict", ok, BODY);
    expect(server.err().match(/models\.config:3: ModelConfig: unknown field 'nmae'/g)).toHaveLength(1);
  });

  test("a model that leaves it is unloaded, and one that comes is served", async () => {
    await cp(models("other"), models("more"), { recursive: true });
    await putConfig(line({ stable: 3 }, [3]), `name: "more" base_path: "${models("more")}"`);
    await answers(url, "/v1/models/more:predict", by(1), BODY);
    const gone = await answers(url, "/v1/models/other:predict", ({ status }) => status === 404, BODY);
    expect(gone.body).toContain("Servable not found for request: Latest(other)");
    await answers(url, "/v1/models/other", ({ body }) => body.includes('"END"'));
    await answers(url, "/readyz", ok);
  });

  test("what left it while no server ran is not served by the next one", async () => {
    expect(await server.stop()).toBe(0);
    await putConfig(`name: "more" base_path: "${models("more")}"`);
    server = start(folder, "serve", "--model_config_file=models.config", "--file_system_poll_wait_seconds=0.05", "--rest_api_port=0", "--data=state");
    url = await server.url;
    await answers(url, "/v1/models/more:predict", by(1), BODY);
    await answers(url, "/v1/models/line:predict", ({ status }) => status === 404, BODY);
  });
});

const tagged = fileURLToPath(new URL("../../../../shared/saved-models/custom_tag", import.meta.url));

test.skipIf(!existsSync(tagged))("the tags of a SavedModel's meta graph (one saved by TensorFlow lies beside the repository; skipped where it does not)", async () => {
  const serve = (...flags: readonly string[]): Run => start(folder, "serve", "--model_name=tagged", `--model_base_path=${tagged}`, "--data=tagged", "--port=0", ...flags);
  const without = serve();
  expect((await answers(await without.url, "/v1/models/tagged", ({ body }) => body.includes("END"))).body).toMatch(/no meta graph with the tag set \{serve\}; it has \{edge\}/);
  expect(await without.stop()).toBe(0);
  const server = serve("--saved_model_tags=edge");
  await answers(await server.url, "/v1/models/tagged:predict", by(1), '{"instances":[[1,2]]}');
  expect(await server.stop()).toBe(0);
});

describe("flags of how requests are answered", () => {
  test("timeout, CORS, metrics elsewhere, batching", async () => {
    await writeDeepModel(`${models("deep")}/1`, { layers: 12, width: 256, seed: 1 });
    await writeFile(join(folder, "monitoring.config"), 'prometheus_config { enable: true path: "/metrics" }');
    await writeFile(join(folder, "batching.config"), "max_batch_size { value: 512 } allowed_batch_sizes: [64, 512]");
    const server = start(
      folder, "serve", "--model_name=deep", `--model_base_path=${models("deep")}`, "--port=0", "--data=flags", "--file_system_poll_wait_seconds=0",
      "--rest_api_timeout_in_ms=40", "--rest_api_enable_cors_support", "--monitoring_config_file=monitoring.config", "--enable_batching=1", "--batching_parameters_file", "batching.config",
      "--num_request_iterations_for_warmup=2",
    );
    const url = await server.url;
    const row = Array.from({ length: 256 }, () => 1);
    const body = (rows: number): string => JSON.stringify({ instances: Array.from({ length: rows }, () => row) });
    const one = await answers(url, "/v1/models/deep:predict", ok, body(1));
    expect(one.headers["access-control-allow-origin"]).toBe("*");
    const late = await answers(url, "/v1/models/deep:predict", ({ status }) => status !== 200, body(500));
    expect([late.status, JSON.parse(late.body)]).toEqual([504, { error: expect.stringMatching(/within 40 ms/) }]);
    const metrics = await answers(url, "/metrics", ok);
    expect(metrics.body).toMatch(/^:tensorflow:serving:request_count\{model_name="deep",status="DEADLINE_EXCEEDED"\} [1-9]/m);
    expect(metrics.body).toMatch(/^:tensorflow:serving:batching_session:processed_batch_size_bucket\{le="64"\} [1-9]/m);
    await answers(url, "/monitoring/prometheus/metrics", ({ status }) => status === 404);
    expect(await server.stop()).toBe(0);
  });

  test("an edge takes them too", async () => {
    const server = start(folder, "serve", "--data=flags", "--port=0", "--no-inference");
    const edge = start(folder, "edge", "--server", await server.url, "--data", "edge", "--rest_api_port=0", "--rest_api_enable_cors_support=true", "--monitoring_config_file=monitoring.config", "--enable_batching", "--batching_parameters_file=batching.config", "--enable_model_warmup=false");
    const url = await edge.url;
    const answer = await answers(url, "/v1/models/deep:predict", ok, JSON.stringify({ instances: [Array.from({ length: 256 }, () => 1)] }));
    expect(answer.headers["access-control-allow-origin"]).toBe("*");
    expect((await answers(url, "/metrics", ok)).body).toMatch(/^:tensorflow:serving:batching_session:wrapped_run_count\{\} [1-9]/m);
    expect([await edge.stop(), await server.stop()]).toEqual([0, 0]);
  });
});

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, type InlineConfig, type Rolldown } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { act, openApp, type App } from "../support/app.ts";
import { writeLinearModel } from "../support/make-model.ts";
import { linearAnswer } from "../support/workshop.ts";
import { scriptLoads } from "./script-loads.ts";
import { ROOT } from "./sources.ts";

/** The package in another project, put together by that project's bundler. */

let folder = "";
let app: App | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-bundler-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(ROOT, join(folder, "node_modules/ashore"));
  await writeFile(join(folder, "package.json"), `{"type":"module"}`);
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What vite makes of a source that stands in that project. */
async function bundled(source: string, config: InlineConfig["build"]): Promise<Rolldown.RolldownOutput["output"]> {
  await writeFile(join(folder, "entry.js"), source);
  const result = await build({ root: folder, configFile: false, logLevel: "error", publicDir: false, build: { write: false, ...config } });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !("output" in output)) throw new Error("vite built nothing");
  return output.output;
}

const script = (formats: readonly ("es" | "iife")[]): InlineConfig["build"] => ({ lib: { entry: "entry.js", formats: [...formats], name: "sw", fileName: () => "sw.js" } });

describe("ashore/service-worker in a worker of one's own", () => {
  const OWN = `
    import { serve } from "ashore/service-worker";
    self.addEventListener("fetch", (event) => {
      if (new URL(event.request.url).pathname === "/own") event.respondWith(new Response("mine"));
    });
    serve({ models: ["line"] });
  `;

  test.each(["es", "iife"] as const)("becomes one %s script that loads nothing more", async (format) => {
    const [only, ...more] = await bundled(OWN, script([format]));
    expect(more).toEqual([]);
    expect(scriptLoads(only.code, format === "es" ? "module" : "script")).toEqual([]);
  });

  test("answers for its models, beside the worker's own fetch handler", async () => {
    const [{ code }] = await bundled(OWN, script(["iife"]));
    app = await openApp({ line: (to) => writeLinearModel(to, 2, 0.5) });
    const { page, site } = app;
    site.put("/own-worker.js", { body: code, type: "text/javascript" });
    expect(await act(page, "connect", { serviceWorker: "/own-worker.js", models: ["line"] })).toEqual({ ok: { host: "service-worker", persisted: true } });
    expect(await act(page, "ready", "line")).toHaveProperty("ok");
    expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: { outputs: { y: linearAnswer(2, 0.5) }, servedBy: "device" } });
    // The first page was loaded before the worker was there, which claims no page that its own code does not claim.
    const next = await app.open();
    const rest = await act(next, "rest", "/v1/models/line:predict", '{"instances":[1,2,3]}');
    expect([rest.status, rest.headers["x-ashore-served-by"], JSON.parse(rest.body)]).toEqual([200, "device", { predictions: linearAnswer(2, 0.5) }]);
    expect(await act(next, "rest", "/own")).toMatchObject({ status: 200, body: "mine" });
    expect([site.count("/v1"), site.log.filter((line) => line.endsWith(" /own"))]).toEqual([0, []]);
  });
});

describe("ashore and ashore/worker in a page", () => {
  test.each([
    ["a worker", `import { connect } from "ashore"; globalThis.go = () => [connect, new Worker(new URL("ashore/worker", import.meta.url))];`],
    ["a file", `import { connect } from "ashore"; import worker from "ashore/worker?url"; globalThis.go = () => connect({ worker });`],
  ])("the page's worker comes along as %s, whole", async (_, source) => {
    const output = await bundled(source, { rolldownOptions: { input: "entry.js" } });
    const page = output.find((file) => file.type === "chunk" && file.isEntry);
    const [worker, ...more] = output.filter((file) => file !== page);
    expect(more).toEqual([]);
    expect(page?.type === "chunk" && worker !== undefined && page.code.includes(worker.fileName)).toBe(true);
    expect(worker?.type === "asset" && scriptLoads(Buffer.from(worker.source).toString(), "script")).toEqual([]);
  });
});

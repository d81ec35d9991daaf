import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { mulberry32 } from "../../protocol/self-test.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { writeDeepModel, writeLinearModel } from "../support/make-model.ts";
import { createRestClient, until } from "../support/rest-client.ts";
import { answersWith, LINEAR_BODY, linearAnswer, openWorkshop, type Workshop } from "../support/workshop.ts";
import { spawnCommand, startCommand, type Command } from "../support/processes.ts";

let workshop: Workshop;
afterEach(() => workshop.close());

const MODEL = { layers: 4, width: 128 };
const DEEP_BODY = JSON.stringify({ instances: [Array.from({ length: MODEL.width }, () => 1)] });

async function predict(url: string, body: string): Promise<{ readonly status: number; readonly version: number; readonly body: string }> {
  const client = createRestClient(url);
  try {
    const answer = await client.post(body === LINEAR_BODY ? "/v1/models/line:predict" : "/v1/models/deep:predict", body);
    return { status: answer.status, version: Number(answer.headers["x-ashore-model-version"] ?? 0), body: answer.body };
  } finally {
    client.close();
  }
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** `npm run test:all` kills it 30 times. */
const KILLS = process.env["ASHORE_LONG"] === "1" ? 30 : 9;

test(`an edge killed ${KILLS} times in the middle of updates always comes back on a good version, never an older one`, async () => {
  workshop = await openWorkshop();
  let newest = 1;
  const right = (version: number): unknown => ({ predictions: linearAnswer(version, 0.5) });
  const publish = (): Promise<void> => workshop.drop("line", newest, (folder) => writeLinearModel(folder, newest, 0.5, { ballast: 6 << 20 }));
  await publish();
  const server = await workshop.serve("--no-inference", "--file_system_poll_wait_seconds", "0.1", "--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  const proxy = await startFaultProxy(server.url);
  const random = mulberry32(30);
  let answered = 1;
  let inFlight = 0;
  let offline = 0;
  const edgeArgs = ["edge", "--server", proxy.url, "--rest_api_port", "0", "--data", workshop.path("edge"), "--poll_wait_seconds", "0.1"];

  // The first start brings version 1 in; from then on every start must answer.
  let edge: Command = await startCommand(edgeArgs, { cwd: workshop.folder });
  await answersWith(edge.url, "line", 1);

  for (let round = 1; round <= KILLS; round++) {
    // A new version, so that blobs and a commit are under way; the kill falls on one of the requests for them, or after it.
    let fatal = 1 + Math.floor(random() * 4);
    const caught = new Promise<boolean>((resolve) => {
      proxy.onRequest((path) => {
        if (/^\/(blobs|targets\/models)\//.test(path) && --fatal === 0) resolve(true);
      });
    });
    newest++;
    await publish();
    const { url } = edge;
    const over = new AbortController();
    const done = until(() => (over.signal.aborted ? Promise.resolve({ version: newest }) : predict(url, LINEAR_BODY)), ({ version }) => version === newest).then(() => false);
    if (await Promise.race([caught, done])) {
      inFlight++;
      // Somewhere in the milliseconds that follow: the download, the check, the write, the commit, the load.
      await new Promise((resolve) => setTimeout(resolve, random() * 40));
    }
    // What it last answered, as the world saw it, is the least that it may answer from now on.
    const last = await predict(url, LINEAR_BODY);
    expect(JSON.parse(last.body)).toEqual(right(last.version));
    answered = Math.max(answered, last.version);
    await edge.kill();
    over.abort();
    await done;
    proxy.onRequest(undefined);

    const away = round % 3 === 0;
    if (away) {
      offline++;
      proxy.setFault(() => "drop");
    }
    edge = await startCommand(edgeArgs, { cwd: workshop.folder });
    const back = await until(() => predict(edge.url, LINEAR_BODY), ({ status }) => status === 200);
    expect(back.version, `round ${round}: an older version than it answered before`).toBeGreaterThanOrEqual(answered);
    expect(JSON.parse(back.body), `round ${round}: a wrong answer`).toEqual(right(back.version));
    proxy.setFault(undefined);
    // Once the server is there, it converges.
    await answersWith(edge.url, "line", newest);
    answered = newest;
  }
  console.log(`${KILLS} kills, ${inFlight} with blobs in flight or a commit under way, ${offline} restarts without a server: 0 wrong answers, 0 older versions`);
  expect(inFlight).toBeGreaterThanOrEqual(KILLS === 30 ? 20 : 3);
  await proxy.close();
}, 280_000);

test("ten times a stored file is cut or has a bit flipped while the edge is dead: no wrong answer, and whole again", async () => {
  workshop = await openWorkshop();
  await workshop.drop("deep", 1, (folder) => writeDeepModel(folder, { ...MODEL, seed: 1 }));
  const server = await workshop.serve("--no-inference", "--model_name", "deep", "--model_base_path", workshop.path("models", "deep"));
  const edgeArgs = ["edge", "--server", server.url, "--rest_api_port", "0", "--data", workshop.path("edge"), "--poll_wait_seconds", "1"];
  let edge = await startCommand(edgeArgs, { cwd: workshop.folder });
  await answersWith(edge.url, "deep", 1, DEEP_BODY);
  const right = (await predict(edge.url, DEEP_BODY)).body;
  const random = mulberry32(10);
  const damaged: string[] = [];
  const kinds = [/blobs/, /journal/, /timestamp|snapshot|targets|root|serving|publisher/, /./];
  for (let round = 0; round < 10; round++) {
    await edge.kill();
    const files = await filesUnder(workshop.path("edge"));
    const wanted = kinds[round % kinds.length] ?? /./;
    const candidates = files.filter((file) => wanted.test(file) && !/lock/.test(file));
    const file = candidates[Math.floor(random() * candidates.length)];
    if (file === undefined) throw new Error(`No stored file matches ${wanted}: ${files.join(", ")}`);
    const { size } = await stat(file);
    if (random() < 0.5 || size === 0) await truncate(file, Math.floor(size * random()));
    else {
      const bytes = await readFile(file);
      const at = Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      await writeFile(file, bytes);
    }
    damaged.push(file.slice(workshop.folder.length));
    edge = await startCommand(edgeArgs, { cwd: workshop.folder });
    const back = await until(() => predict(edge.url, DEEP_BODY), ({ status }) => status === 200);
    expect(back.body, `after damage to ${file}`).toBe(right);
  }
  console.log(`damaged: ${damaged.join(", ")}`);
  expect(new Set(damaged).size).toBeGreaterThan(3);
  await edge.kill();
}, 240_000);

test("an edge on a data folder that another edge holds says so and ends", async () => {
  workshop = await openWorkshop();
  await workshop.drop("deep", 1, (folder) => writeDeepModel(folder, { ...MODEL, seed: 1 }));
  const server = await workshop.serve("--no-inference", "--model_name", "deep", "--model_base_path", workshop.path("models", "deep"));
  await workshop.edge(server.url);
  const second = spawnCommand(["edge", "--server", server.url, "--rest_api_port", "0", "--data", workshop.path("edge")], { cwd: workshop.folder });
  await second.line(/STORE_LOCKED/);
});

import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeLinearModel } from "../support/make-model.ts";
import { until } from "../support/rest-client.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";
import { emptyDisk, testDevice, type Device } from "../unit/runtime/device.ts";

/** What a poll costs that brings nothing new, on the wire, of a live `ashore serve`: what a fleet pays all day. */
const LIMIT = 600;

/** A wire between a device and its server that counts. */
interface Wire {
  readonly url: string;
  /** Everything that was sent since the last call, as text: requests, and answers with their headers. */
  taken(): { readonly requests: string; readonly answers: string };
  close(): Promise<void>;
}

let workshop: Workshop;
let wire: Wire;
let device: Device;

async function openWire(target: string): Promise<Wire> {
  let requests = "";
  let answers = "";
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(new URL(target).port), new URL(target).hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    }
    near.on("data", (bytes: Buffer) => (requests += bytes.toString("latin1")));
    far.on("data", (bytes: Buffer) => (answers += bytes.toString("latin1")));
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => {
      const taken = { requests, answers };
      requests = "";
      answers = "";
      return taken;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

beforeAll(async () => {
  workshop = await openWorkshop();
  await workshop.drop("line", 1, (folder) => writeLinearModel(folder, 1, 0));
  const server = await workshop.serve("--no-inference", "--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  await until(() => fetch(`${server.url}/manifests/line/versions/1`), ({ ok }) => ok);
  wire = await openWire(server.url);
  device = await testDevice({ fetch }, emptyDisk(), { server: wire.url, polling: "host" });
  await device.runtime.sync();
  await device.runtime.settled();
}, 120_000);
afterAll(async () => {
  await device?.runtime.close();
  await wire?.close();
  await workshop?.close();
});

test("a poll that brings nothing new is one request, and neither it nor the content of its answer is larger than 0.6 kB", async () => {
  wire.taken();
  await device.runtime.sync();
  const { requests, answers } = wire.taken();
  const [headers = "", content = ""] = answers.split("\r\n\r\n");
  console.log(`a poll: ${requests.length} B asked, ${content.length} B answered after ${headers.length + 4} B of headers`);
  expect(requests.match(/^[A-Z]+ \S+ HTTP/gm)).toEqual(["GET /metadata/timestamp.json HTTP"]);
  expect(headers).toMatch(/^HTTP\/1.1 200 /);
  expect(requests.length).toBeLessThanOrEqual(LIMIT);
  expect(content.length).toBeLessThanOrEqual(LIMIT);
});

test("where there is an HTTP cache, as in a browser, the whole answer is at most 0.6 kB, its headers included", async () => {
  const url = `${wire.url}/metadata/timestamp.json`;
  const { headers } = await fetch(url);
  wire.taken();
  const again = await fetch(url, { headers: { "if-none-match": headers.get("etag") ?? "" } });
  const { answers } = wire.taken();
  console.log(`an answer to a cache: ${answers.length} B`);
  expect(again.status).toBe(304);
  expect(answers.length).toBeLessThanOrEqual(LIMIT);
});

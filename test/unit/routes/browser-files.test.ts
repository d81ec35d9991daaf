import { createHash } from "node:crypto";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import { builtFiles } from "../../../sync-server/built-files.ts";
import { createBrowserFiles, type BrowserFiles } from "../../../sync-server/routes/browser-files.ts";

const WASM = "wasm/tfjs-backend-wasm-simd.wasm";
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

let built: Map<string, string>;
let root: Uint8Array<ArrayBuffer> | undefined;
let compressions: string[];
let files: BrowserFiles;

beforeEach(() => {
  built = new Map([["client.js", "export {};"], ["worker.js", "work();"], ["service-worker.js", "serve(self.__ASHORE__);"], [WASM, "\0asm".repeat(100)], ["types/secret.d.ts", "no"]]);
  root = encode('{"signed":{"version":1}}\n');
  compressions = [];
  const { compress } = builtFiles("");
  files = createBrowserFiles({
    built: {
      read: async (name) => (built.has(name) ? encode(built.get(name) ?? "") : undefined),
      compress: (bytes, coding) => {
        compressions.push(coding);
        return compress(bytes, coding);
      },
    },
    root: async () => root,
  });
});

async function get(name: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  const answer = await files.respond(new Request(`http://test/ashore/${name}`, { method, headers }), `/ashore/${name}`);
  if (answer === undefined) throw new Error(`nothing answers for ${name}`);
  return answer;
}

const etagOf = async (name: string, headers: Record<string, string> = {}): Promise<string> => (await get(name, headers)).headers.get("etag") ?? "";

test("scripts and wasm files say what they are, and are asked for again at every use", async () => {
  for (const [name, type] of [["client.js", "text/javascript; charset=utf-8"], ["worker.js", "text/javascript; charset=utf-8"], ["service-worker.js", "text/javascript; charset=utf-8"], [WASM, "application/wasm"]] as const) {
    const { status, headers } = await get(name);
    expect([name, status, headers.get("content-type"), headers.get("cache-control")]).toEqual([name, 200, type, "no-cache"]);
    expect([name, headers.get("service-worker-allowed")]).toEqual([name, name === "service-worker.js" ? "/" : null]);
    expect([name, headers.get("cross-origin-embedder-policy")]).toEqual([name, name === "worker.js" ? "require-corp" : null]);
  }
});

test.each(["", "types/secret.d.ts", "../package.json", "wasm/../client.js", "wasm/", "client.js/", "serve.js"])("%j is none of them", async (name) => {
  expect(await files.respond(new Request("http://test/"), `/ashore/${name}`)).toBeUndefined();
});

test("a file that the build lacks is not there, and is found once it is", async () => {
  const script = built.get("worker.js") ?? "";
  built.delete("worker.js");
  expect(await files.respond(new Request("http://test/"), "/ashore/worker.js")).toBeUndefined();
  built.set("worker.js", script);
  expect(await (await get("worker.js")).text()).toBe(script);
});

describe("the service worker's script", () => {
  const globalsOf = (script: string): unknown => JSON.parse(/^self\.__ASHORE__=(\{.*\});\n/.exec(script)?.[1] ?? "null");

  test("begins with the newest root, and changes exactly with it", async () => {
    const before = await get("service-worker.js");
    const script = await before.text();
    expect(globalsOf(script)).toEqual({ root: Buffer.from(root ?? []).toString("base64") });
    expect(script.endsWith("\nserve(self.__ASHORE__);")).toBe(true);
    expect(await etagOf("service-worker.js")).toBe(before.headers.get("etag"));

    root = encode('{"signed":{"version":2}}\n');
    const after = await get("service-worker.js");
    expect(globalsOf(await after.text())).toEqual({ root: Buffer.from(root).toString("base64") });
    expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  });

  test("says nothing of a root while nothing is signed", async () => {
    root = undefined;
    expect(await (await get("service-worker.js")).text()).toBe("serve(self.__ASHORE__);");
  });
});

describe("conditions and codings", () => {
  test("the ETag is strong, over the bytes, and answers 304", async () => {
    const bytes = new Uint8Array(await (await get("client.js")).arrayBuffer());
    const etag = await etagOf("client.js");
    expect(etag).toBe(`"sha256-${createHash("sha256").update(bytes).digest("hex")}"`);
    const unchanged = await get("client.js", { "if-none-match": etag });
    expect([unchanged.status, await unchanged.text(), unchanged.headers.get("etag"), unchanged.headers.get("vary")]).toEqual([304, "", etag, "Accept-Encoding"]);
    expect((await get("client.js", { "if-none-match": '"other"' })).status).toBe(200);
  });

  test.each([
    ["gzip, deflate, br, zstd", "br"],
    ["gzip, deflate", "gzip"],
    ["br;q=0, gzip;q=0.5", "gzip"],
    ["GZIP", "gzip"],
    ["br; q=0.000", null],
    ["identity", null],
    ["", null],
  ])("Accept-Encoding: %s gives %s", async (accepted, coding) => {
    const answer = await get(WASM, { "accept-encoding": accepted });
    expect([answer.headers.get("content-encoding"), answer.headers.get("vary")]).toEqual([coding, "Accept-Encoding"]);
    const body = Buffer.from(await answer.arrayBuffer());
    expect(answer.headers.get("content-length")).toBe(String(body.byteLength));
    const plain = coding === "br" ? brotliDecompressSync(body) : coding === "gzip" ? gunzipSync(body) : body;
    expect(plain.toString()).toBe(built.get(WASM));
  });

  test("each coding has an ETag of its own, and is made once", async () => {
    const etags = new Set<string>();
    for (const accepted of ["br", "gzip", "", "br", "gzip"]) {
      const etag = await etagOf("client.js", { "accept-encoding": accepted });
      expect((await get("client.js", { "accept-encoding": accepted, "if-none-match": etag })).status).toBe(304);
      etags.add(etag);
    }
    expect(etags.size).toBe(3);
    expect(compressions.sort()).toEqual(["br", "gzip"]);
  });

  test("HEAD has GET's headers and no body", async () => {
    const [head, whole] = [await get("client.js", {}, "HEAD"), await get("client.js")];
    expect([...head.headers]).toEqual([...whole.headers]);
    expect(await head.text()).toBe("");
  });
});

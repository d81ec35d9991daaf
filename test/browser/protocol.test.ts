import { generateKeyPairSync, sign } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundle, launchChromium, serveOrigin, type Origin } from "../support/chromium.ts";
import { answer, type Vectors } from "./protocol-probe.ts";

/** The same code in Node's V8 and in Chromium's: bytes in, the same tensors, bytes, codes and texts out. */

let origin: Origin;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  origin = await serveOrigin({
    "/probe.js": await bundle("test/browser/protocol-probe.ts"),
    "/protocol.js": await bundle("protocol/index.ts"),
  });
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(origin.url);
});

afterAll(async () => {
  await browser?.close();
  await origin?.close();
});

const x = (dtype: Vectors["requests"][number]["inputs"][string]["dtype"]): Vectors["requests"][number]["inputs"] => ({ x: { dtype } });

function vectors(): Vectors {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const data = `{"_type":"timestamp","version":3}`;
  return {
    requests: [
      { inputs: x("float32"), body: `{"instances": [1, 2.5, -0.0, 1e-45, 3.4028235677973366e38, 16777217, 0.1]}` },
      { inputs: x("float64"), body: `{"inputs": [[0.1, 1e308], [4.9e-324, 123456789012345678]]}` },
      { inputs: x("int64"), body: `{"instances": [9223372036854775807, -9223372036854775808, 0]}` },
      { inputs: x("string"), body: `{"instances": ["plain", "Zähler \\ud83d\\ude00", {"b64": "AP8B"}]}` },
      { inputs: x("bool"), body: `{"inputs": [true, false]}` },
      { inputs: { a: { dtype: "float32" }, b: { dtype: "int32" } }, body: `{"instances": [{"a": [1, 2], "b": 7}, {"a": [3, 4], "b": 8}]}` },
      { inputs: x("float32"), body: `{"instances": [1, [2]]}` },
      { inputs: x("int32"), body: `{"instances": [1.5]}` },
      { inputs: x("float32"), body: `{"instances": [1,` },
      { inputs: x("float32"), body: `{"instances": [1], "inputs": [1]}` },
    ],
    canonical: [{ b: 1, a: [true, null, "\"\\\n"] }, { "\u{10000}": 1, "\ufffd": 2 }, 1.5, { deep: { "": -0 } }],
    digests: ["", "abc", "ä".repeat(1000)],
    signature: {
      key: { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", public: publicKey.export({ type: "spki", format: "pem" }) as string },
      hex: sign("sha256", Buffer.from(data), privateKey).toString("hex"),
      data,
    },
  };
}

test("Chromium and Node read, write, hash and verify alike", async () => {
  const given = vectors();
  const here = await answer(given);
  const there: unknown = await page.evaluate(`import("/probe.js").then(({ answer }) => answer(${JSON.stringify(given)}))`);
  expect(there).toEqual(here);
  expect(here).toMatchObject({ genuine: true, forged: false });
});

test("the entry ashore/protocol loads in a page and exports what it exports in Node", async () => {
  const there: unknown = await page.evaluate(`import("/protocol.js").then((module) => Object.keys(module).sort())`);
  expect(there).toEqual(Object.keys(await import("../../protocol/index.ts")).sort());
});

import { describe, expect, test } from "vitest";
import { isKeepable, mayKeep, sitePlan, toEvict } from "../../../service-worker/site-plan.ts";
import { staticRules } from "../../../service-worker/static-routes.ts";

const ORIGIN = "https://app.example";
const request = (path: string, more: Partial<Parameters<typeof sitePlan>[0]> = {}): Parameters<typeof sitePlan>[0] => ({ method: "GET", url: new URL(path, ORIGIN).href, mode: "no-cors", destination: "script", headers: new Headers(), ...more });

test.each<{ what: string; of: Parameters<typeof sitePlan>[0]; plan: string }>([
  { what: "a page", of: request("/", { mode: "navigate", destination: "document" }), plan: "keep" },
  { what: "a script, its query as it is", of: request("/app.js?v=2"), plan: "keep" },
  { what: "what a script fetches", of: request("/me.json", { mode: "cors", destination: "" }), plan: "serve" },
  { what: "a form", of: request("/", { method: "POST", mode: "navigate" }), plan: "pass" },
  { what: "another origin's image", of: request("https://cdn.example/a.png"), plan: "pass" },
  { what: "a model's answer", of: request("/v1/models/m", { destination: "" }), plan: "pass" },
  { what: "a blob", of: request("/blobs/sha256/00"), plan: "pass" },
  { what: "a part", of: request("/film.mp4", { headers: new Headers({ range: "bytes=0-" }) }), plan: "pass" },
  { what: "a stream of events", of: request("/news", { destination: "", headers: new Headers({ accept: "text/event-stream" }) }), plan: "pass" },
])("$what: $plan", ({ of, plan }) => {
  expect(sitePlan(of, ORIGIN)).toBe(plan);
});

test("what is the server's own is never kept, and what only begins so is", () => {
  for (const path of ["/v1", "/v1/x", "/v2/x", "/metadata/timestamp.json", "/targets/a", "/blobs/a", "/manifests/m"]) expect(isKeepable(ORIGIN + path, ORIGIN)).toBe(false);
  for (const path of ["/v1x", "/metadata.html", "/a/v1/b"]) expect(isKeepable(ORIGIN + path, ORIGIN)).toBe(true);
  expect(isKeepable("nonsense", ORIGIN)).toBe(false);
});

const response = (more: { readonly [K in keyof Parameters<typeof mayKeep>[0]]?: Parameters<typeof mayKeep>[0][K] } = {}): Parameters<typeof mayKeep>[0] => ({ status: 200, type: "basic", redirected: false, headers: new Headers(), ...more });

test.each<{ what: string; of: Parameters<typeof mayKeep>[0]; kept: boolean }>([
  { what: "a whole answer", of: response(), kept: true },
  { what: "one that is asked for again every time", of: response({ headers: new Headers({ "cache-control": "no-cache" }) }), kept: true },
  { what: "no-store", of: response({ headers: new Headers({ "cache-control": "private, no-store, max-age=0" }) }), kept: false },
  { what: "a fault", of: response({ status: 404 }), kept: false },
  { what: "an opaque one", of: response({ type: "opaque", status: 0 }), kept: false },
  { what: "a redirected one", of: response({ redirected: true }), kept: false },
  { what: "a film", of: response({ headers: new Headers({ "content-length": "99999999" }) }), kept: false },
])("$what is kept: $kept", ({ of, kept }) => {
  expect(mayKeep(of)).toBe(kept);
});

describe("what must go for one more", () => {
  const entries = new Map([["old", 10], ["middle", 20], ["new", 30]]);
  test.each([
    { bytes: 5, limits: { most: 4, mostBytes: 65 }, gone: [] },
    { bytes: 5, limits: { most: 3, mostBytes: 100 }, gone: ["old"] },
    { bytes: 25, limits: { most: 9, mostBytes: 70 }, gone: ["old", "middle"] },
    { bytes: 80, limits: { most: 9, mostBytes: 70 }, gone: ["old", "middle", "new"] },
  ])("$bytes bytes within $limits: $gone", ({ bytes, limits, gone }) => {
    expect(toEvict(entries, bytes, limits)).toEqual(gone);
  });
});

test("static routes leave the REST API to the worker, and send what changes something to the network alone", () => {
  const rules = staticRules("race-network-and-fetch-handler");
  expect(rules.filter(({ source }) => source === "fetch-event").map(({ condition }) => condition.urlPattern?.pathname)).toEqual(["/v1/*", "/v2/*"]);
  expect(rules.findIndex(({ condition }) => condition.requestMethod === "GET")).toBe(2);
  expect(rules.find(({ condition }) => condition.requestMethod === "POST")?.source).toBe("network");
});

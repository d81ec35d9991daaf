import { describe, expect, test } from "vitest";
import { requirePlatform } from "../../../client/platform.ts";
import { hostRole, settingsOf } from "../../../client/settings.ts";

describe("what connect was asked for", () => {
  test("defaults: the page's own origin, and all that its server lists", () => {
    const settings = settingsOf({}, "https://app.example/deep/page.html");
    expect(settings).toEqual({
      hello: { type: "hello", server: "https://app.example/", models: "all", backends: undefined, fallback: "none" },
      serviceWorker: "https://app.example/ashore/service-worker.js",
      scope: "https://app.example/",
      worker: "https://app.example/ashore/worker.js",
    });
    expect(hostRole(settings)).toMatchObject({ role: "host", scope: "/" });
  });

  test("relative URLs are of the page; false is no service worker", () => {
    const settings = settingsOf({ server: "../models", serviceWorker: false, scope: "/app/", worker: "w.js", models: ["digits"], fallback: "server" }, "https://app.example/app/page/");
    expect(settings).toMatchObject({ serviceWorker: undefined, scope: "https://app.example/app/", worker: "https://app.example/app/page/w.js" });
    expect(settings.hello).toMatchObject({ server: "https://app.example/app/models", models: ["digits"], fallback: "server" });
    expect(hostRole(settings).scope).toBe("/app/");
  });

  test("a model's name that is none is refused", () => {
    expect(() => settingsOf({ models: ["no/name"] }, "https://app.example/")).toThrowError(expect.objectContaining({ code: "NAME_INVALID" }) as Error);
  });
});

describe("what a page must have", () => {
  const whole = { isSecureContext: true, origin: "https://app.example", crypto: { subtle: {} }, navigator: { locks: {} } };

  test("is there", () => expect(() => requirePlatform(whole)).not.toThrow());

  test.each([
    [{ isSecureContext: false, origin: "http://app.example", crypto: {}, navigator: {} }, /http:\/\/app\.example is not secure.*crypto\.subtle.*navigator\.locks.*https.*localhost/],
    [{ isSecureContext: false, crypto: undefined }, /crypto\.subtle.*https/],
    [{ navigator: {} }, /browser has no navigator\.locks.*newer one/],
  ])("or it is said what is missing and what to do: %j", (lacking, message) => {
    expect(() => requirePlatform({ ...whole, ...lacking })).toThrowError(expect.objectContaining({ code: "INSECURE_ORIGIN", message: expect.stringMatching(message) as string }) as Error);
  });
});

import { expect, test } from "vitest";
import { siteUrls } from "../../../client/site-urls.ts";
import { LIMITS } from "../../../protocol/limits.ts";

const ORIGIN = "https://app.example";

test("the files of the origin, once each, without what models answer and what is of other origins", () => {
  const urls = siteUrls(
    [
      `${ORIGIN}/page?x=1#part`,
      `${ORIGIN}/app.js`,
      `${ORIGIN}/app.js#again`,
      `${ORIGIN}/v1/models/digits:predict`,
      `${ORIGIN}/v2/models/digits`,
      `${ORIGIN}/v1-history/index.html`,
      "https://cdn.example/lib.js",
      "data:text/css,p{}",
      "",
      "no url",
    ],
    ORIGIN,
  );
  expect(urls).toEqual([`${ORIGIN}/page?x=1`, `${ORIGIN}/app.js`, `${ORIGIN}/v1-history/index.html`]);
});

test("no more than a worker takes", () => {
  const many = Array.from({ length: LIMITS.siteEntries + 5 }, (_, at) => `${ORIGIN}/${at}.js`);
  expect(siteUrls(many, ORIGIN)).toEqual(many.slice(0, LIMITS.siteEntries));
});

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle, launchChromium, serveOrigin, type Origin } from "../../support/chromium.ts";
import { record, type Expected } from "./record-vector.ts";
import { runVector, type Outcome } from "./run-vector.ts";
import { DELEGATIONS } from "./vectors/delegations.ts";
import { FORMATS } from "./vectors/formats.ts";
import { ONLINE_ROLES } from "./vectors/online-roles.ts";
import { ROOT } from "./vectors/root.ts";
import { TARGETS } from "./vectors/targets.ts";

/**
 * Repositories by clause of The Update Framework's specification (1.0.x), signed here with Node's crypto, and what a device
 * makes of each: in Node and in Chromium, in one process and with a restart before every update.
 */
const cases = await Promise.all([...FORMATS, ...ROOT, ...ONLINE_ROLES, ...TARGETS, ...DELEGATIONS].map(record));
const byName = cases.map((given, index) => ({ name: `${given.clause} ${given.title}`, index, ...given }));
const LIVES = [
  { life: "in one process", restarted: false },
  { life: "with restarts", restarted: true },
];

function expectOutcomes(outcomes: readonly Outcome[] | undefined, expected: readonly Expected[]): void {
  expect(outcomes?.map(({ code }) => code)).toEqual(expected.map(({ code }) => code));
  expect(outcomes).toMatchObject(expected.map(({ trusted: _trusted, ...rest }) => ({ ...rest, asReceived: true })));
  // Nothing else may be stored either.
  for (const [round, { trusted }] of expected.entries()) if (trusted !== undefined) expect(outcomes?.[round]?.trusted, `stored after round ${round + 1}`).toEqual(trusted);
}

test("a case has one name", () => {
  expect(new Set(byName.map(({ name }) => name)).size).toBe(cases.length);
});

describe.each(LIVES)("Node, $life", ({ restarted }) => {
  test.each(byName)("$name", async ({ vector, expected }) => expectOutcomes(await runVector(vector, { restarted }), expected));
});

describe("Chromium", () => {
  let browser: Browser;
  let origin: Origin;
  /** By life, then by case. */
  let outcomes: readonly (readonly (readonly Outcome[])[])[];

  beforeAll(async () => {
    origin = await serveOrigin({ "/run-vector.js": await bundle("test/conformance/tuf/run-vector.ts"), "/vectors.json": JSON.stringify(cases.map(({ vector }) => vector)) });
    browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(origin.url);
    outcomes = await page.evaluate(`(async () => {
      const [{ runVector }, vectors] = await Promise.all([import("/run-vector.js"), fetch("/vectors.json").then((answer) => answer.json())]);
      const live = (life) => Promise.all(vectors.map((vector) => runVector(vector, life)));
      return Promise.all(${JSON.stringify(LIVES)}.map(live));
    })()`);
  });

  afterAll(async () => {
    await browser?.close();
    await origin?.close();
  });

  describe.each(LIVES.map(({ life }, of) => ({ life, of })))("$life", ({ of }) => {
    test.each(byName)("$name", ({ expected, index }) => expectOutcomes(outcomes[of]?.[index], expected));
  });
});

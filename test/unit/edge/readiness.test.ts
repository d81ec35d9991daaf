import { expect, test } from "vitest";
import { readinessOf } from "../../../edge/readiness.ts";
import { modelName, version } from "../../../protocol/names.ts";

const held = { name: modelName("digits"), versions: [{ version: version(1), state: "AVAILABLE" }] } as const;

test("a device whose server's metadata expired is ready, and says since when it takes no news", () => {
  expect(readinessOf([held])).not.toHaveProperty("expired_since");
  expect(readinessOf([{ ...held, expiredSince: Date.UTC(2030, 0, 1) }])).toMatchObject({ ready: true, expired_since: "2030-01-01T00:00:00.000Z" });
});

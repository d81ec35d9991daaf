import { expect, test } from "vitest";
import { eventLog, type Log } from "../../../edge/log.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { modelName } from "../../../protocol/names.ts";

function recorder(): { readonly log: Log; readonly warnings: string[] } {
  const warnings: string[] = [];
  const drop = (): void => {};
  return { log: { debug: drop, info: drop, error: drop, warn: (_fields, message) => warnings.push(message) }, warnings };
}

test("a fault that comes back at every look is told once, and again after a look that succeeded", () => {
  const { log, warnings } = recorder();
  const tell = eventLog(log);
  const error = new AshoreError("DIGEST_MISMATCH", "the blob was changed");
  const look = (): void => {
    tell({ type: "problem", model: modelName("digits"), error });
    tell({ type: "sync", ok: false, error });
  };
  look();
  look();
  expect(warnings).toEqual(["the blob was changed"]);
  tell({ type: "sync", ok: true, changed: false });
  look();
  expect(warnings).toEqual(["the blob was changed", "the blob was changed"]);
});

test("a failed look whose fault nobody told yet is told, and so is another fault", () => {
  const { log, warnings } = recorder();
  const tell = eventLog(log);
  tell({ type: "sync", ok: false, error: new AshoreError("NETWORK_FAILED", "no server") });
  tell({ type: "sync", ok: false, error: new AshoreError("METADATA_EXPIRED", "too old") });
  expect(warnings).toEqual(["No news could be taken in: no server", "No news could be taken in: too old"]);
});

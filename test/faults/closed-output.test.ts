import { expect, test } from "vitest";
import { spawnCommand } from "../support/processes.ts";

test("a command whose reader has left ends as it would have, without a word", async () => {
  const { process: child, output } = spawnCommand(["--help"]);
  // Gone before the command has started, as with `ashore --help | true`.
  child.stdout?.destroy();
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  expect([status, output()]).toEqual([0, ""]);
});

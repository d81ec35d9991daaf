import { expect, test } from "vitest";
import { writeLinearModel } from "../support/make-model.ts";
import { runCommand } from "../support/processes.ts";
import { openWorkshop } from "../support/workshop.ts";

test("a model that answers a finite input with NaN is refused, until its publisher says that it should be so", async () => {
  const workshop = await openWorkshop();
  try {
    await workshop.drop("line", 1, (folder) => writeLinearModel(folder, Number.NaN, 0));
    const publish = (...more: string[]) => runCommand(["publish", workshop.path("models", "line", "1"), "--model", "line", "--data", workshop.path("server"), ...more], { cwd: workshop.folder });
    const refused = await publish();
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/SELF_TEST_FAILED: .*NaN.*--allow_non_finite/)]);
    const published = await publish("--allow_non_finite");
    expect([published.status, published.stdout]).toEqual([0, expect.stringContaining("published line 1")]);
  } finally {
    await workshop.close();
  }
});

import { expect, test } from "vitest";
import { AshoreError } from "../../protocol/errors.ts";
import { importSavedModel } from "../../sync-server/import/saved-model/import-saved-model.ts";
import { memorySource } from "../support/saved-model-writer/memory-source.ts";
import { branch, convolution, denseClassifier, examples, refVariables, vocabulary, whileLoop } from "../support/saved-model-writer/models.ts";
import { mutateBytes } from "./mutate.ts";
import { rounds, type Random } from "./random.ts";

/** SavedModels that were changed at random, and so that they stay readable: imported, or refused in words. Never stuck, never a fault of ours. */
const REFUSALS = new Set(["MODEL_MALFORMED", "MODEL_INCOMPLETE", "MODEL_UNSUPPORTED_OP", "LIMIT_EXCEEDED"]);
const MODELS = [branch, convolution, denseClassifier, examples, refVariables, vocabulary, whileLoop].map((model) => model().files());

/** One name of the file in the place of another: inputs that lead elsewhere or in circles, other operations, other functions. */
function swapNames(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(bytes).toString("latin1");
  const names = [...new Set(text.match(/[A-Za-z_][\w/]{2,}/g) ?? [])];
  const changed = bytes.slice();
  for (let times = 1 + random.below(3); times > 0; times--) {
    const from = random.of(names);
    const to = random.of(names.filter(({ length }) => length === from.length));
    const places = [...text.matchAll(new RegExp(from.replaceAll("/", "\\/"), "g"))].map(({ index }) => index);
    changed.set(Buffer.from(to, "latin1"), random.of(places));
  }
  return changed;
}

async function outcome(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Promise<string> {
  try {
    await importSavedModel(memorySource(files));
    return "imported";
  } catch (thrown) {
    if (!(thrown instanceof AshoreError)) throw thrown;
    return thrown.code;
  }
}

test.each([
  ["names swapped", swapNames],
  ["bytes changed", mutateBytes],
] as const)("a saved_model.pb with %s", async (_what, change) => {
  const outcomes = new Map<string, number>();
  await rounds(300, 71, async (random) => {
    const files = new Map(random.of(MODELS));
    files.set("saved_model.pb", change(files.get("saved_model.pb") ?? new Uint8Array(), random));
    const code = await outcome(files);
    outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
  });
  expect([...outcomes.keys()].filter((code) => code !== "imported" && !REFUSALS.has(code))).toEqual([]);
  // Were all of them refused at once, nothing but the reader would have been tried.
  expect(outcomes.get("imported") ?? 0).toBeGreaterThan(change === swapNames ? 30 : 0);
});

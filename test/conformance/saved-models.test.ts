import { describe, expect, test } from "vitest";
import { importModel, type ImportedModel } from "../../sync-server/import/index.ts";
import { casesOf, difference, SAVED_MODELS, savedModelFolder, serveImported, type SavedModelCase } from "../support/saved-models.ts";

/** What the models' own README says cannot run, by signature def, and what its refusal must name. */
const REFUSED: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  unsupported_linalg: { serving_default: ["MatrixInverse", "Cholesky", "Erfinv"] },
};

const imports = new Map<string, Promise<ImportedModel>>();

function imported(model: string, { version = 1, tags }: Pick<SavedModelCase, "version" | "tags">): Promise<ImportedModel> {
  const key = `${model} ${version}`;
  const before = imports.get(key) ?? importModel(savedModelFolder(model, version), { savedModelTags: tags });
  imports.set(key, before);
  return before;
}

describe.skipIf(SAVED_MODELS.length === 0)("real SavedModels answer what TensorFlow answers (they lie beside the repository; skipped where they do not)", () => {
  describe.each(["cpu", "wasm"] as const)("on %s", (backend) => {
    test.each(SAVED_MODELS)("%s", async (model) => {
      for (const one of casesOf(model)) {
        const refused = REFUSED[model]?.[one.signature_name];
        const importedModel = await imported(model, one);
        if (refused !== undefined) {
          const note = importedModel.notes?.find((text) => text.includes(one.signature_name)) ?? "";
          for (const op of refused) expect(note).toContain(op);
          continue;
        }
        const served = await serveImported(importedModel, backend);
        try {
          const { status, text } = await served.ask(one.method, one.request);
          expect(status, `${one.signature_name}: ${text.slice(0, 500)}`).toBe(200);
          expect(difference(JSON.parse(text), one.response, one), `${one.signature_name} ${one.note ?? ""}`).toBeUndefined();
        } finally {
          await served.close();
        }
      }
    });
  });
});

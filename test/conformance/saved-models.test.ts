import { describe, expect, test } from "vitest";
import { importModel, type ImportedModel } from "../../sync-server/import/index.ts";
import { casesOf, difference, SAVED_MODELS, savedModelFolder, serveImported } from "../support/saved-models.ts";

/** What the models' own README says cannot run, by signature def, and what its refusal must name. */
const REFUSED: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  unsupported_linalg: { serving_default: ["MatrixInverse", "Cholesky", "Erfinv"] },
};

/** TensorFlow Serving's own test models, y = 0.5 x + 2 (or 3), and what its REST tests expect of them. */
const SERVING: readonly { readonly model: string; readonly version: string; readonly method: string; readonly body: string; readonly answer: unknown }[] = [
  ...[["saved_model_half_plus_two_cpu", "00000123"], ["saved_model_half_plus_two_tf2_cpu", "00000123"], ["saved_model_half_plus_two_2_versions", "00000123"]].flatMap(([model = "", version = ""]) => [
    { model, version, method: "predict", body: '{"instances": [[1.0], [2.0], [5.0]]}', answer: { predictions: [[2.5], [3], [4.5]] } },
    { model, version, method: "regress", body: '{"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}, {"x": 5.0}]}', answer: { results: [3, 4.5] } },
    { model, version, method: "regress", body: '{"signature_name": "regress_x_to_y2", "examples": [{"x": 2.0}]}', answer: { results: [4] } },
    { model, version, method: "classify", body: '{"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}, {"x": 5.0}]}', answer: { results: [[["", 3]], [["", 4.5]]] } },
  ]),
  { model: "saved_model_half_plus_three", version: "00000123", method: "predict", body: '{"instances": [1.0, 2.0, 5.0]}', answer: { predictions: [3.5, 4, 5.5] } },
  { model: "saved_model_half_plus_three", version: "00000123", method: "regress", body: '{"signature_name": "tensorflow/serving/regress", "examples": [{"x": 2.0}]}', answer: { results: [4] } },
];

const imports = new Map<string, Promise<ImportedModel>>();

function imported(model: string, { version = 1, tags }: { readonly version?: string | number | undefined; readonly tags?: readonly string[] | undefined }): Promise<ImportedModel> {
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
          expect(importedModel.notes).toContain(importedModel.unserved?.[one.signature_name]);
        }
        const served = await serveImported(importedModel, backend);
        try {
          const { status, text } = await served.ask(one.method, one.request);
          expect(status, `${one.signature_name}: ${text.slice(0, 500)}`).toBe(refused === undefined ? 200 : 501);
          for (const op of refused ?? []) expect(text).toContain(op);
          if (refused !== undefined) continue;
          expect(difference(JSON.parse(text), one.response, one), `${one.signature_name} ${one.note ?? ""}`).toBeUndefined();
        } finally {
          await served.close();
        }
      }
    });

    test.each(SERVING)("TensorFlow Serving's $model $version: $method $body", async ({ model, version, method, body, answer }) => {
      const served = await serveImported(await imported(model, { version }), backend);
      try {
        const { status, text } = await served.ask(method, body);
        expect(status, text).toBe(200);
        expect(JSON.parse(text)).toEqual(answer);
      } finally {
        await served.close();
      }
    });
  });

  test("a signature def that changes what another reads is refused by name, and the others are served", async () => {
    const { signatureDefs, notes } = await imported("saved_model_counter", { version: "00000123" });
    expect(Object.keys(signatureDefs)).toEqual(["get_counter"]);
    expect(notes?.join("\n")).toContain("The signature def incr_counter is not served: it changes the variable counter (AssignAdd, the node incr_counter_op/AssignAdd)");
  });
});

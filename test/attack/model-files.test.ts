import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import { AshoreError, type ErrorCode } from "../../protocol/errors.ts";
import { mulberry32 } from "../../protocol/self-test.ts";
import { importSavedModel } from "../../sync-server/import/saved-model/import-saved-model.ts";
import { importTfjsGraphModel } from "../../sync-server/import/tfjs-graph-model.ts";
import { memorySource } from "../support/saved-model-writer/memory-source.ts";
import * as models from "../support/saved-model-writer/models.ts";

/** What a publisher may be told of a model's files. Anything else, such as INTERNAL, is a fault of the import. */
const OF_THE_FILES: readonly (ErrorCode | "imported")[] = ["imported", "MODEL_MALFORMED", "MODEL_INCOMPLETE", "MODEL_UNSUPPORTED_OP", "LIMIT_EXCEEDED"];

async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "imported";
  } catch (thrown) {
    return thrown instanceof AshoreError ? thrown.code : `${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
  }
}

describe("a model's files with whatever in them end in a model or in a word about the files", () => {
  test.each(Object.entries(models))("saved_model.pb of %s, bytes changed", async (name, make) => {
    const files = make().files();
    const pb = files.get("saved_model.pb") ?? new Uint8Array();
    const random = mulberry32(7);
    const place = (): number => Math.floor(random() * pb.byteLength);
    for (let round = 0; round < 150; round++) {
      const changed = pb.slice();
      for (let n = 0; n <= random() * 2; n++) changed[place()] = random() < 0.5 ? Math.floor(random() * 256) : (changed[place()] ?? 0);
      const source = memorySource(new Map(files).set("saved_model.pb", changed));
      expect(OF_THE_FILES, `round ${round}`).toContain(await outcomeOf(() => importSavedModel(source, { savedModelTags: name === "switchMerge" ? ["edge"] : ["serve"] })));
    }
  });

  test("model.json of a layers model, values changed", async () => {
    await tf.setBackend("cpu");
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.conv2d({ inputShape: [6, 6, 2], filters: 2, kernelSize: 2, activation: "relu" }), layers.batchNormalization(), layers.maxPooling2d({ poolSize: 2 }), layers.zeroPadding2d({ padding: 1 }),
        layers.reshape({ targetShape: [4, 8] }), layers.lstm({ units: 2, returnSequences: true }), layers.flatten(), layers.dense({ units: 2 }),
      ],
    });
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    let json: unknown;
    await model.save(tf.io.withSaveHandler(async ({ modelTopology, weightSpecs = [], weightData }) => {
      json = { format: "layers-model", modelTopology, weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }] };
      files.set("weights.bin", new Uint8Array(Buffer.concat([weightData ?? []].flat().map((part) => Buffer.from(part)))));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }));
    const text = JSON.stringify(json);
    const values = [...text.matchAll(/(?<=[:,[])("[^"]*"|-?\d[\d.e-]*|true|false|null|\{\})(?=[,\]}])/g)];
    const odd = ["null", "-1", "0", "1e9", "2.5", "\"x\"", "[]", "{}", "true", "[[1,2],[3,4]]", "[null]", "\"\"", "9007199254740993", "\"__proto__\""];
    const random = mulberry32(11);
    expect(values.length).toBeGreaterThan(100);
    for (let round = 0; round < 600; round++) {
      const { index = 0, 0: value = "" } = values[Math.floor(random() * values.length)] ?? {};
      const changed = text.slice(0, index) + (odd[Math.floor(random() * odd.length)] ?? "") + text.slice(index + value.length);
      const source = memorySource(new Map(files).set("model.json", new Uint8Array(Buffer.from(changed))));
      expect(OF_THE_FILES, changed.slice(Math.max(0, index - 60), index + 60)).toContain(await outcomeOf(() => importTfjsGraphModel(source)));
    }
  });
});

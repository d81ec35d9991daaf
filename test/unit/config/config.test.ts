import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readConfig, type Flags } from "../../../sync-server/config/index.ts";
import { parseModelConfigFile } from "../../../sync-server/config/model-config-file.ts";
import { parseYamlSettings } from "../../../sync-server/config/yaml-settings.ts";

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ashore-config-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

async function config(flags: Flags, files: Record<string, string> = {}) {
  const folder = await folderWith(files);
  return { folder, ...(await readConfig(flags, folder)) };
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no fault",
    (error: unknown) => (error instanceof Error && "code" in error ? `${String(error.code)}: ${error.message}` : String(error)),
  );
}

describe("flags", () => {
  test("none: defaults, and no model", async () => {
    const { config: found, folder, notes } = await config({});
    expect(found).toEqual({ models: [], data: join(folder, ".ashore"), host: "127.0.0.1", port: 8501, pollWaitSeconds: 1, inference: true, tls: undefined, savedModelTags: ["serve"] });
    expect(notes).toEqual([]);
  });

  test("TensorFlow Serving's own command line: a model named default, its path from the working folder", async () => {
    const { config: found, folder } = await config({ model_base_path: "models/digits", rest_api_port: "9001", file_system_poll_wait_seconds: "0" });
    expect(found.models).toEqual([{ name: "default", basePath: join(folder, "models/digits"), policy: { latest: 1 }, labels: {} }]);
    expect(found.port).toBe(9001);
    expect(found.pollWaitSeconds).toBe(0);
  });

  test("--port is the HTTP port alone, and is passed over with a line beside --rest_api_port", async () => {
    expect((await config({ port: "0" })).config.port).toBe(0);
    const both = await config({ port: "8500", rest_api_port: "8501" });
    expect(both.config.port).toBe(8501);
    expect(both.notes).toEqual(["--port=8500 is ignored beside --rest_api_port=8501: gRPC is not spoken."]);
  });

  test("flags without effect are taken with one line each", async () => {
    const { notes } = await config({ enable_batching: "true", enable_model_warmup: true });
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/^--enable_batching has no effect: /);
  });

  test("tags are taken, and said to have no effect yet", async () => {
    const { config: found, notes } = await config({ saved_model_tags: "serve, gpu" });
    expect(found.savedModelTags).toEqual(["serve", "gpu"]);
    expect(notes).toEqual([expect.stringMatching(/^saved_model_tags=serve,gpu has no effect yet/)]);
  });

  test.each([
    [{ port: "http" }, /CONFIG_INVALID: --port=http must be a port number/],
    [{ rest_api_port: "65536" }, /--rest_api_port=65536 must be a port number from 0 to 65535/],
    [{ rest_api_port: "80.5" }, /--rest_api_port=80.5 must be a port number from 0 to 65535/],
    [{ model_name: "../x", model_base_path: "m" }, /--model_name=\.\.\/x must be 1 to 128 letters/],
    [{ model_name: "digits" }, /model digits has no base path: add `base_path: FOLDER` \(or --model_base_path=FOLDER\)/],
    [{ model_base_path: "s3://bucket/m" }, /--model_base_path=s3:\/\/bucket\/m is an address of a remote storage/],
    [{ file_system_poll_wait_seconds: "soon" }, /--file_system_poll_wait_seconds=soon must be a number of seconds/],
    [{ saved_model_tags: "a,,b" }, /--saved_model_tags=a,,b must be tags/],
    [{ ssl_cert: "c.pem" }, /ssl_cert is given without ssl_key/],
    [{ config: "none.yaml" }, /--config=none\.yaml cannot be read: ENOENT/],
    [{ model_config_file: "m.conf", model_name: "a" }, /--model_config_file replaces --model_name/],
  ] as [Flags, RegExp][])("%j is refused with the flag and the remedy", async (flags, message) => {
    expect(await faultOf(config(flags))).toMatch(message);
  });

  test("every fault of a command line is told at once", async () => {
    expect(await faultOf(config({ port: "x", model_name: "?" }))).toMatch(/--port=x .*--model_name=\? /);
  });
});

describe("YAML", () => {
  test("one model; paths start at the file", async () => {
    const { config: found, folder } = await config({ config: "server.yaml" }, { "server.yaml": "model: digits\nbase_path: models/digits\nport: 8600\ndata: state\nssl_cert: c.pem\nssl_key: k.pem\n" });
    expect(found.models).toEqual([{ name: "digits", basePath: join(folder, "models/digits"), policy: { latest: 1 }, labels: {} }]);
    expect(found).toMatchObject({ port: 8600, data: join(folder, "state"), tls: { cert: join(folder, "c.pem"), key: join(folder, "k.pem") } });
  });

  test("a list, with every form of policy, and labels", () => {
    const { models } = parseYamlSettings(
      `models:
  - { model: a, base_path: /a, version_policy: { latest: 2 }, version_labels: { stable: 1, canary: 2 } }
  - { model: b, base_path: /b, version_policy: { all: true } }
  - { model: c, base_path: /c, version_policy: { specific: [3, 5] } }
  - { model: d, base_path: /d, version_policy: { latest: { num_versions: 3 } } }
  - { model: e, base_path: /e, version_policy: { specific: { versions: [7] } } }
  - { model: f, base_path: /f, version_policy: { all: {} } }
  - { model: g, base_path: /g, version_policy: all }
`,
      "server.yaml",
    );
    expect(models?.map(({ policy }) => policy)).toEqual([{ latest: 2 }, { all: true }, { specific: [3, 5] }, { latest: 3 }, { specific: [7] }, { all: true }, { all: true }]);
    expect(models?.[0]?.labels).toEqual({ stable: 1, canary: 2 });
  });

  test("the command line wins, field by field for a single model", async () => {
    const { config: found } = await config({ config: "server.yaml", model_base_path: "/elsewhere", port: "0" }, { "server.yaml": "model: digits\nbase_path: models\nport: 8600\nhost: 0.0.0.0\n" });
    expect(found.models).toMatchObject([{ name: "digits", basePath: "/elsewhere" }]);
    expect(found).toMatchObject({ port: 0, host: "0.0.0.0" });
  });

  test("the command line's model, whole, replaces the file's list; half of one is refused", async () => {
    const files = { "server.yaml": "models:\n  - { model: a, base_path: a }\n  - { model: b, base_path: b }\n" };
    const { config: found } = await config({ config: "server.yaml", model_name: "c", model_base_path: "/c" }, files);
    expect(found.models.map(({ name }) => name)).toEqual(["c"]);
    expect(await faultOf(config({ config: "server.yaml", model_name: "c" }, files))).toMatch(/gives only the name of a model, and server\.yaml lists 2 models/);
  });

  test.each([
    ["an unknown key, with its line", "model: a\nbase_path: b\nbasepath: c\n", /s\.yaml:3: basepath is not a key that is known here \(model, base_path/],
    ["a bad name in a list", "models:\n  - base_path: a\n    model: a/b\n", /s\.yaml:3: models\.0\.model must be 1 to 128 letters/],
    ["a model without a base path", "models:\n  - model: a\n", /s\.yaml:2: models\.0\.base_path is missing/],
    ["a bad policy", "model: a\nbase_path: b\nversion_policy: { newest: 1 }\n", /s\.yaml:3: version_policy must be `latest: N`/],
    ["latest 0", "model: a\nbase_path: b\nversion_policy: { latest: 0 }\n", /version_policy/],
    ["a label that is no version", "model: a\nbase_path: b\nversion_labels:\n  stable: one\n", /s\.yaml:4: version_labels\.stable must be a version/],
    ["both forms", "model: a\nmodels: []\n", /has both `models` and `model`/],
    ["a key twice", "port: 1\nport: 2\n", /s\.yaml:2 is not YAML: Map keys must be unique/],
    ["broken YAML", "model: [a\n", /s\.yaml:\d+ is not YAML/],
    ["a list at the top", "- a\n", /s\.yaml:1: the file must be keys and values/],
    ["a port out of range", "port: -1\n", /s\.yaml:1: port must be a port number from 0 to 65535/],
  ])("%s is refused", (_, text, message) => {
    expect(() => parseYamlSettings(text, "s.yaml")).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(message) }));
  });

  test("a name twice is refused", async () => {
    expect(await faultOf(config({ config: "s.yaml" }, { "s.yaml": "models:\n  - { model: a, base_path: a }\n  - { model: a, base_path: b }\n" }))).toMatch(/the model a stands in the list twice/);
  });
});

describe("text proto", () => {
  test("a model config file of TensorFlow Serving's guide", () => {
    const { models } = parseModelConfigFile(
      `# two models
model_config_list {
  config {
    name: 'my_first_model'
    base_path: '/tmp/my_first_model/'
    model_platform: 'tensorflow'
    model_version_policy { specific { versions: 42 versions: 43 } }
    version_labels { key: 'stable' value: 42 }
    version_labels { key: 'canary', value: 43 }
  }
  config: <name: "second" base_path: "/tmp/" "second"; model_version_policy: { specific { versions: [1, 2] } }>
  config { name: "third" base_path: "/c" model_version_policy { latest { num_versions: 2 } } }
  config { name: "fourth" base_path: "/d" model_version_policy { all {} } }
}
`,
      "models.config",
    );
    expect(models).toEqual([
      { name: "my_first_model", basePath: "/tmp/my_first_model/", policy: { specific: [42, 43] }, labels: { stable: 42, canary: 43 } },
      { name: "second", basePath: "/tmp/second", policy: { specific: [1, 2] }, labels: {} },
      { name: "third", basePath: "/c", policy: { latest: 2 }, labels: {} },
      { name: "fourth", basePath: "/d", policy: { all: true }, labels: {} },
    ]);
  });

  test.each([
    ["", /must hold a `model_config_list`/],
    ["model_config_list {\n  config {\n    name 'a'\n", /m:3: "'a'" stands where a ":" or a message must/],
    ["model_config_list { config { name: 'a' base_path: 'relative' } }", /base_path\.0 must be an absolute path/],
    ["model_config_list { config { name: 'a' base_path: '/a' nmae: 'b' } }", /nmae is not a field/],
    ["model_config_list { config { name: 'a' name: 'b' base_path: '/a' } }", /name stands more than once/],
    ["model_config_list { config { name: 'a' base_path: '/a' model_platform: 'torch' } }", /model_platform\.0 must be "tensorflow"/],
    ["model_config_list { config { name: 'a' base_path: '/a' }", /m:1: "the end" stands where/],
    ["model_config_list @", /m:1: "@" is not text format/],
    ["a { ".repeat(100), /no more than 32 levels/],
  ])("%j is refused", (text, message) => {
    expect(() => parseModelConfigFile(text, "m")).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(message) }));
  });
});

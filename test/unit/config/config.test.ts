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
    expect(found).toEqual({
      models: [],
      data: join(folder, ".ashore"),
      host: "127.0.0.1",
      port: 8501,
      pollWaitSeconds: 1,
      inference: true,
      savedModelTags: ["serve"],
      timeoutMs: 30_000,
      cors: false,
      dialect: { strictJson: false, extendedDtypes: false },
      metricsPath: "/monitoring/prometheus/metrics",
      warmup: { enabled: true, iterations: 1 },
    });
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
    const { notes } = await config({ rest_api_num_threads: "4", enable_profiler: true });
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/^--rest_api_num_threads has no effect: /);
  });

  test("TensorFlow Serving's settings of how requests are answered", async () => {
    const { config: found, notes } = await config({
      rest_api_timeout_in_ms: "-1",
      rest_api_enable_cors_support: true,
      enable_model_warmup: "0",
      num_request_iterations_for_warmup: "3",
      saved_model_tags: "serve, gpu",
    });
    expect(found).toMatchObject({ timeoutMs: -1, cors: true, warmup: { enabled: false, iterations: 3 }, savedModelTags: ["serve", "gpu"] });
    expect(notes).toEqual([]);
  });

  test.each([
    [true, true], ["true", true], ["1", true], ["false", false], ["0", false],
  ])("a flag that is on or off: %j is %j", async (written, is) => {
    expect((await config({ rest_api_enable_cors_support: written })).config.cors).toBe(is);
  });

  test("where the REST API leaves TensorFlow Serving's behind: nowhere, or as it is told", async () => {
    expect((await config({})).config.dialect).toEqual({ strictJson: false, extendedDtypes: false });
    expect((await config({ strict_json: true, extended_dtypes: "1" })).config.dialect).toEqual({ strictJson: true, extendedDtypes: true });
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
    [{ model_config_file: "m.conf" }, /--model_config_file=\S+m\.conf cannot be read: ENOENT/],
    [{ rest_api_enable_cors_support: "yes" }, /--rest_api_enable_cors_support=yes must be true or false/],
    [{ rest_api_timeout_in_ms: "1.5" }, /--rest_api_timeout_in_ms=1.5 must be a whole number of milliseconds/],
    [{ num_request_iterations_for_warmup: "0" }, /--num_request_iterations_for_warmup=0 must be at least 1/],
    [{ batching_parameters_file: "b.conf", enable_batching: "false" }, /--batching_parameters_file=\S+b\.conf cannot be read/],
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

  test("every flag by its name, paths from the file's folder", async () => {
    const { config: found } = await config(
      { config: "server.yaml", rest_api_timeout_in_ms: "50" },
      {
        "server.yaml": "model_name: a\nmodel_base_path: a\nrest_api_port: 0\nrest_api_timeout_in_ms: 100\nrest_api_enable_cors_support: true\nmonitoring_config_file: m.conf\nenable_batching: true\nbatching_parameters_file: b.conf\nenable_model_warmup: false\nnum_request_iterations_for_warmup: 2\nsaved_model_tags: [serve, gpu]\ninference: false\n",
        "m.conf": "prometheus_config { enable: true path: '/m' }",
        "b.conf": "max_batch_size { value: 4 }",
      },
    );
    expect(found).toMatchObject({ models: [{ name: "a" }], port: 0, timeoutMs: 50, cors: true, metricsPath: "/m", batching: { maxBatchSize: 4 }, warmup: { enabled: false, iterations: 2 }, savedModelTags: ["serve", "gpu"], inference: false });
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
    ["a model by both names", "model: a\nmodel_name: b\n", /has both `model` and `model_name`/],
    ["models beside a file of models", "model: a\nmodel_config_file: m\n", /has both `model_config_file` and models of its own/],
    ["a wrong kind of value", "rest_api_enable_cors_support: 1\n", /s\.yaml:1: rest_api_enable_cors_support must be true or false/],
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

describe("a model config file", () => {
  test("as TensorFlow Serving's guide has it", () => {
    const { models, notes } = parseModelConfigFile(
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
  config: <name: "second" base_path: "/tmp/" "second"; model_version_policy: { specific { versions: [1, 0x2] } }>
  config { name: "third" base_path: "/c" model_version_policy { latest { num_versions: 2 } } }
  config { name: "fourth" base_path: "/d" model_version_policy { all {} } logging_config { sampling_config { sampling_rate: 0.5 } } }
  config { name: "fifth" base_path: "/\\145" model_version_policy { latest { num_versions: 0 } } }
}
`,
      "models.config",
    );
    expect(models).toEqual([
      { name: "my_first_model", basePath: "/tmp/my_first_model/", policy: { specific: [42, 43] }, labels: { stable: 42, canary: 43 } },
      { name: "second", basePath: "/tmp/second", policy: { specific: [1, 2] }, labels: {} },
      { name: "third", basePath: "/c", policy: { latest: 2 }, labels: {} },
      { name: "fourth", basePath: "/d", policy: { all: true }, labels: {} },
      { name: "fifth", basePath: "/e", policy: { latest: 1 }, labels: {} },
    ]);
    expect(notes).toEqual(["models.config: logging_config of fourth has no effect: requests are not logged."]);
  });

  test("may name no model", () => {
    expect(parseModelConfigFile("", "m").models).toEqual([]);
    expect(parseModelConfigFile("model_config_list {}", "m").models).toEqual([]);
  });

  test.each([
    ["model_config_list {\n  config {\n    name 'a'\n", /^m:3: expected ':'\.$/],
    ["model_config_list {\n  config {\n    name: 'a'\n", /^m:4: expected '}'\.$/],
    ["model_config_list {\n config { name: 'a'\n base_path: 'relative' } }", /model_config_list\.config\.0\.base_path must be an absolute path/],
    ["model_config_list {\n config {\n name: 'a' base_path: '/a'\n nmae: 'b' } }", /^m:4: ModelConfig: unknown field 'nmae'\.$/],
    ["model_config_list {\n config {\n name: 'a'\n name: 'b' base_path: '/a' } }\n", /^m:4: ModelConfig\.name: multiple values\.$/],
    ["model_config_list { config { name: 'a' base_path: '/a'\n model_version_policy { latest { num_versions: 1 }\n all {} } } }", /^m:3: policy_choice: multiple values\.$/],
    ["model_config_list { config {\n name: 'a' base_path: '/a'\n version_labels { key: 'x'\n value: 'one' } } }", /^m:4: integer value expected\.$/],
    ["model_config_list { config { name: 'a' base_path: '/a' version_labels { key: 'x' value: 9007199254740993 } } }", /version_labels\.x must be a version/],
    ["model_config_list { config { name: 'a' base_path: '/a' model_platform: 'torch' } }", /model_platform must be "tensorflow"/],
    ["model_config_list { config { base_path: '/a' } }", /model_config_list\.config\.0\.name is missing/],
    ["custom_model_config { [type.googleapis.com/a.B] { } }", /./],
    ["model_config_list @", /^m:1: /],
    ["model_config_list { config { name: 'a\n' } }", /^m:1: illegal string/],
  ])("%j is refused", (text, message) => {
    expect(() => parseModelConfigFile(text, "m")).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(message) }));
  });

  test("replaces the models of a YAML file, and may be named there", async () => {
    const files = { "m.conf": 'model_config_list { config { name: "a" base_path: "/a" } }', "s.yaml": "models:\n  - { model: b, base_path: b }\n", "t.yaml": "model_config_file: m.conf\nmodel_config_file_poll_wait_seconds: 5\n" };
    expect((await config({ config: "s.yaml", model_config_file: "m.conf" }, files)).config.models.map(({ name }) => name)).toEqual(["a"]);
    const { config: named, folder } = await config({ config: "t.yaml" }, files);
    expect(named).toMatchObject({ models: [{ name: "a" }], modelConfigFile: { path: join(folder, "m.conf"), pollWaitSeconds: 5 } });
    const { config: one } = await config({ config: "t.yaml", model_name: "c", model_base_path: "/c" }, files);
    expect([one.models.map(({ name }) => name), one.modelConfigFile]).toEqual([["c"], undefined]);
  });

  test("a name twice is refused", async () => {
    const text = 'model_config_list { config { name: "a" base_path: "/a" } config { name: "a" base_path: "/b" } }';
    expect(await faultOf(config({ model_config_file: "m.conf" }, { "m.conf": text }))).toMatch(/m\.conf: the model a stands in the list twice/);
  });
});

describe("a monitoring config file", () => {
  test.each([
    ["prometheus_config { enable: true path: '/m' }", "/m"],
    ["prometheus_config { enable: true }", "/monitoring/prometheus/metrics"],
    ["prometheus_config { path: '/m' }", null],
    ["prometheus_config { enable: false }", null],
    ["", "/monitoring/prometheus/metrics"],
  ])("%j puts metrics at %s", async (text, path) => {
    expect((await config({ monitoring_config_file: "m.conf" }, { "m.conf": text })).config.metricsPath).toBe(path);
  });

  test.each([
    ["prometheus_config { enable: yes }", /m\.conf:1: bool value expected/],
    ["prometheus_config { enable: true path: 'metrics' }", /prometheus_config\.path must be a path/],
  ])("%j is refused", async (text, message) => {
    expect(await faultOf(config({ monitoring_config_file: "m.conf" }, { "m.conf": text }))).toMatch(message);
  });
});

describe("a batching parameters file", () => {
  const batching = async (text: string, flags: Flags = {}) => config({ enable_batching: true, batching_parameters_file: "b.conf", ...flags }, { "b.conf": text });

  test("without a file: TensorFlow Serving's defaults; without the flag: none", async () => {
    expect((await config({ enable_batching: true })).config.batching).toEqual({ maxBatchSize: 1000, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, padVariableLengthInputs: false, enableLargeBatchSplitting: false });
    expect((await config({})).config.batching).toBeUndefined();
    expect(await faultOf(batching("", { enable_batching: "false" }))).toMatch(/CONFIG_INVALID: You supplied --batching_parameters_file without --enable_batching/);
  });

  test("as TensorFlow Serving's guide has it, values in wrappers", async () => {
    const { config: found, notes } = await batching(`
max_batch_size { value: 128 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 1000000 }
num_batch_threads { value: 8 }
allowed_batch_sizes: 32
allowed_batch_sizes: [64, 128]
pad_variable_length_inputs: true
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }
`);
    expect(found.batching).toEqual({
      maxBatchSize: 128,
      batchTimeoutMicros: 0,
      maxEnqueuedBatches: 1_000_000,
      allowedBatchSizes: [32, 64, 128],
      padVariableLengthInputs: true,
      enableLargeBatchSplitting: true,
      maxExecutionBatchSize: 64,
    });
    expect(notes).toEqual([expect.stringMatching(/b\.conf: num_batch_threads has no effect/)]);
  });

  test.each([
    ["max_batch_size: 32", /b\.conf:1: expected message value/],
    ["max_batch_size { value: 0 }", /max_batch_size must be at least 1/],
    ["max_batch_size {}", /max_batch_size must be at least 1/],
    ["batch_timeout_micros { value: -1 }", /batch_timeout_micros must be at least 0/],
    ["max_batch_size { value: 32 } allowed_batch_sizes: [8, 16]", /Last entry in allowed_batch_sizes must match max_batch_size; last entry was 16; expected 32/],
    ["max_batch_size { value: 32 } allowed_batch_sizes: [16, 8, 32]", /allowed_batch_sizes must be in increasing order/],
    ["max_batch_size { value: 32 } max_execution_batch_size { value: 64 }", /max_execution_batch_size 64 must be at most max_batch_size 32/],
    ["max_batchsize { value: 32 }", /b\.conf:1: BatchingParameters: unknown field 'max_batchsize'/],
  ])("%j is refused", async (text, message) => {
    expect(await faultOf(batching(text))).toMatch(message);
  });
});

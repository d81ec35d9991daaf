import { CHANNEL_ORDERS, FITS, LAYOUTS, RESIZE_METHODS } from "../../protocol/preprocess.ts";

/** The part of OpenAPI 3.1 that the document uses. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string; readonly license: { readonly name: string; readonly identifier: string } };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly responses: Readonly<Record<string, OpenApiResponse>>;
    readonly headers: Readonly<Record<string, Header>>;
    readonly securitySchemes: Readonly<Record<string, { readonly type: "http"; readonly scheme: "bearer"; readonly description: string }>>;
  };
}
export interface PathItem {
  readonly get?: Operation;
  readonly post?: Operation;
  readonly put?: Operation;
}
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly (Parameter | Ref)[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, OpenApiResponse | Ref>>;
}
export interface Ref {
  readonly $ref: string;
}
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "header" | "query";
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}
export interface Header {
  readonly description: string;
  readonly schema: Schema;
}
export interface OpenApiResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Header | Ref>>;
  readonly content?: Content;
}
export type Content = Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>;
/** JSON Schema 2020-12. */
export type Schema = { readonly [keyword: string]: unknown };

const ref = (kind: "schemas" | "parameters" | "responses" | "headers", name: string): Ref => ({ $ref: `#/components/${kind}/${name}` });
const schema = (name: string): Schema => ({ ...ref("schemas", name) });
const json = (name: string, example?: unknown): Content => ({ "application/json": { schema: schema(name), ...(example === undefined ? {} : { example }) } });
const bytes: Content = { "application/octet-stream": { schema: {} } };
const nullable = (type: string): Schema => ({ type: [type, "null"] });
const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = Object.keys(properties)): Schema => ({ type: "object", properties, required });
const list = (items: Schema): Schema => ({ type: "array", items });
const map = (values: Schema): Schema => ({ type: "object", additionalProperties: values });

const model = ref("parameters", "model");
const version = ref("parameters", "version");
const label = ref("parameters", "label");
const conditional = [ref("parameters", "ifNoneMatch"), ref("parameters", "range"), ref("parameters", "ifRange")];
const validators = { ETag: ref("headers", "etag"), "Cache-Control": ref("headers", "cacheControl") };
const error = ref("responses", "error");
const missing = ref("responses", "notFound");

/** An answer for a file that is published under its own digest. */
function file(description: string, content: Content): Operation["responses"] {
  return {
    "200": { description, headers: { ...validators, "Accept-Ranges": { description: "bytes", schema: { const: "bytes" } }, "Repr-Digest": ref("headers", "reprDigest") }, content },
    "206": { description: "The range that was asked for.", headers: { ...validators, "Content-Range": { description: "RFC 9110, 14.4", schema: { type: "string" } } }, content },
    "304": { description: "Unchanged since the ETag that was sent.", headers: validators },
    "404": missing,
    "416": { description: "No byte of the range exists; Content-Range says the size." },
  };
}

/** What a publisher sends, with a token. Without any token on the server there is no such thing. */
function upload(operationId: string, summary: string, parameter: Parameter | Ref, content: Content, taken: Operation["responses"]): Operation {
  return {
    operationId,
    summary,
    tags: ["publishing"],
    security: [{ token: [] }],
    parameters: [parameter],
    requestBody: { required: true, content },
    responses: { ...taken, "400": error, "401": error, "403": error, "404": missing, "413": error, "507": error },
  };
}

const metadataFile: Parameter = { name: "file", in: "path", required: true, schema: { type: "string", pattern: "^([0-9]+\\.)?[^/]+\\.json$" } };
const targetFile: Parameter = { name: "path", in: "path", required: true, description: "May hold slashes.", schema: { type: "string" } };
const blobDigest: Parameter = { name: "hex", in: "path", required: true, schema: { type: "string", pattern: "^[0-9a-f]{64}$" } };

const WASM = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm"];

/** A file of Ashore itself: asked again at every use, compressed for who takes that. */
function browserFile(operationId: string, summary: string, headers: OpenApiResponse["headers"] = {}, type = "text/javascript"): { readonly get: Operation } {
  const answer = { ...validators, Vary: { description: "Compressed answers have ETags of their own.", schema: { const: "Accept-Encoding" } }, ...headers };
  return {
    get: {
      operationId,
      summary,
      tags: ["browsers"],
      parameters: [ref("parameters", "ifNoneMatch")],
      responses: { "200": { description: "The file.", headers: answer, content: { [type]: { schema: {} } } }, "304": { description: "Unchanged since the ETag that was sent.", headers: answer }, "404": missing },
    },
  };
}

const inference: Readonly<Record<string, string>> = {
  predict: "Runs a signature def on rows (`instances`) or columns (`inputs`).",
  classify: "Runs a classification signature def on examples; or names the best classes of images, of a model that has names for them.",
  regress: "Runs a regression signature def on examples.",
};

/** TensorFlow Serving's inference, at each of the three ways to name a version. */
function inferencePaths(): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {};
  const places = [
    { at: "/v1/models/{model}", id: "", parameters: [model] },
    { at: "/v1/models/{model}/versions/{version}", id: "OfVersion", parameters: [model, version] },
    { at: "/v1/models/{model}/labels/{label}", id: "OfLabel", parameters: [model, label] },
  ];
  for (const { at, id, parameters } of places) {
    for (const [verb, summary] of Object.entries(inference)) {
      const upper = verb === "predict" ? "Predict" : "Example";
      paths[`${at}:${verb}`] = {
        post: {
          operationId: `${verb}${id}`,
          summary,
          tags: ["inference"],
          parameters,
          requestBody: { required: true, content: json(`${upper}Request`) },
          responses: {
            "200": { description: "The outputs.", headers: { "x-ashore-model-version": ref("headers", "modelVersion") }, content: json(verb === "predict" ? "PredictResponse" : "ExampleResponse") },
            "400": error,
            "404": missing,
            "429": error,
            "503": error,
          },
        },
      };
    }
    paths[at] = {
      get: { operationId: `status${id}`, summary: "The states of the versions.", tags: ["inference"], parameters, responses: { "200": { description: "The states.", content: json("ModelStatus") }, "404": missing } },
    };
    paths[`${at}/metadata`] = {
      get: { operationId: `metadata${id}`, summary: "The signature defs.", tags: ["inference"], parameters, responses: { "200": { description: "The signature defs.", content: json("ModelMetadata") }, "404": missing } },
    };
  }
  return paths;
}

/** The server's HTTP interface, whole (DESIGN sections 7 and 8). */
export const OPENAPI: OpenApiDocument = {
  openapi: "3.1.0",
  info: {
    title: "Ashore",
    version: "0.1.0",
    description: "Signed model versions for devices, and TensorFlow Serving's REST API.",
    license: { name: "Apache License 2.0", identifier: "Apache-2.0" },
  },
  tags: [
    { name: "distribution", description: "What devices take and prove: The Update Framework's metadata, its targets, and blobs by digest." },
    { name: "publishing", description: "What publishers who sign elsewhere send, with a token; there only while a token is. No page of another origin may." },
    { name: "browsers", description: "Ashore itself, for pages. Scripts of workers must be of the page's origin: `importScripts(\"https://SERVER/ashore/service-worker.js\")` is all that one there needs." },
    { name: "manifests", description: "What is published, for programs that trust the connection." },
    { name: "inference", description: "TensorFlow Serving's REST API, answered by this process (absent with --no-inference)." },
    { name: "operation", description: "Health, readiness, metrics." },
  ],
  paths: {
    "/metadata/{file}": {
      get: {
        operationId: "getMetadata",
        summary: "Signed metadata: `timestamp.json` is short-lived; numbered files (`4.snapshot.json`) never change.",
        tags: ["distribution"],
        parameters: [metadataFile, ...conditional],
        responses: file("The file as it was signed.", { "application/json": { schema: { type: "object" } } }),
      },
      put: upload(
        "putMetadata",
        "Publishes: the next metadata of the token's role, `publisher-<model>.json`, signed by the publisher. Everything that it names was sent before. The same bytes again are fine.",
        metadataFile,
        { "application/json": { schema: { type: "object" } } },
        { "200": { description: "It is published.", content: json("Received") }, "409": { description: "ALREADY_EXISTS: not the version after the current; take that in, and sign again. VERSION_REBOUND: other bytes under a published version.", content: json("Error") } },
      ),
    },
    "/targets/{path}": {
      get: {
        operationId: "getTarget",
        summary: "A signed target (a manifest, a serving config) under its consistent name, `models/digits/3/<sha256>.manifest.json`.",
        tags: ["distribution"],
        parameters: [targetFile, ...conditional],
        responses: file("The target's bytes.", { "application/json": { schema: { type: "object" } } }),
      },
      put: upload("putTarget", "Keeps a manifest of the token's model, to be named by metadata that comes after it.", targetFile, { "application/json": { schema: schema("Manifest") } }, { "201": { description: "It is kept." } }),
    },
    "/blobs/sha256/{hex}": {
      get: {
        operationId: "getBlob",
        summary: "Immutable bytes by their SHA-256.",
        tags: ["distribution"],
        parameters: [blobDigest, ...conditional],
        responses: file("The bytes.", bytes),
      },
      put: upload("putBlob", "Keeps bytes that have this SHA-256. HEAD says whether they are here already.", blobDigest, bytes, { "201": { description: "They are kept." } }),
    },
    "/manifests": {
      get: { operationId: "listManifests", summary: "The models that are published, and their versions.", tags: ["manifests"], responses: { "200": { description: "The models.", content: json("ManifestList") } } },
    },
    "/manifests/{model}": {
      get: {
        operationId: "getModelManifests",
        summary: "One model: its versions and its serving config.",
        tags: ["manifests"],
        parameters: [model],
        responses: { "200": { description: "The model.", content: json("PublishedModelWithConfig") }, "404": missing },
      },
    },
    "/manifests/{model}/versions/{version}": {
      get: {
        operationId: "getManifest",
        summary: "The manifest of a version, byte for byte as it was signed.",
        tags: ["manifests"],
        parameters: [model, version, ref("parameters", "ifNoneMatch")],
        responses: { "200": { description: "The manifest.", headers: validators, content: json("Manifest") }, "304": { description: "Unchanged." }, "400": error, "404": missing },
      },
    },
    "/manifests/{model}/labels/{label}": {
      get: {
        operationId: "getManifestByLabel",
        summary: "The manifest of the version that a label points at.",
        tags: ["manifests"],
        parameters: [model, label, ref("parameters", "ifNoneMatch")],
        responses: {
          "200": { description: "The manifest; Content-Location names the version.", headers: { ...validators, "x-ashore-model-version": ref("headers", "modelVersion") }, content: json("Manifest") },
          "304": { description: "Unchanged." },
          "404": missing,
        },
      },
    },
    "/ashore/client.js": browserFile("getClient", "The module that pages import: `import { connect } from \"/ashore/client.js\"`."),
    "/ashore/service-worker.js": browserFile("getServiceWorker", "The service worker, whole. Begins with the root that trust starts from.", { "Service-Worker-Allowed": { description: "It may have the whole origin for its scope.", schema: { const: "/" } } }),
    "/ashore/worker.js": browserFile("getWorker", "The script of the page's own workers, whole.", { "Cross-Origin-Embedder-Policy": { description: "Cross-origin isolated pages start no other worker.", schema: { const: "require-corp" } } }),
    "/ashore/wasm/{build}": { get: { ...browserFile("getWasm", "TensorFlow.js's WebAssembly builds.", {}, "application/wasm").get, parameters: [{ name: "build", in: "path", required: true, schema: { enum: WASM } }, ref("parameters", "ifNoneMatch")] } },
    "/v1/models": {
      get: { operationId: "listModels", summary: "The models that this process serves.", tags: ["inference"], responses: { "200": { description: "Their names.", content: json("ModelList") } } },
    },
    ...inferencePaths(),
    "/predict": {
      post: {
        operationId: "predictOnlyModel",
        summary: "Predicts with the only model of a server that has one.",
        tags: ["inference"],
        requestBody: { required: true, content: json("ShortPredictRequest", { input: [[0.5]] }) },
        responses: { "200": { description: "The outputs.", headers: { "x-ashore-model-version": ref("headers", "modelVersion") }, content: json("ShortPredictResponse") }, "400": error, "404": missing, "503": error },
      },
    },
    "/healthz": { get: { operationId: "health", summary: "200 while the process answers.", tags: ["operation"], responses: { "200": { description: "Alive.", content: { "application/json": { schema: object({ status: { const: "ok" } }) } } } } } },
    "/readyz": {
      get: {
        operationId: "readiness",
        summary: "200 once every configured model can answer or has ended; the body says which.",
        tags: ["operation"],
        responses: { "200": { description: "Ready.", content: json("Readiness") }, "503": { description: "Not yet.", content: json("Readiness") } },
      },
    },
    "/monitoring/prometheus/metrics": {
      get: { operationId: "metrics", summary: "Prometheus metrics.", tags: ["operation"], responses: { "200": { description: "Text format 0.0.4.", content: { "text/plain": { schema: { type: "string" } } } } } },
    },
    "/openapi.json": {
      get: { operationId: "openapi", summary: "This document.", tags: ["operation"], responses: { "200": { description: "OpenAPI 3.1.", content: { "application/json": { schema: { type: "object" } } } } } },
    },
    "/": { get: { operationId: "console", summary: "A page that shows what is served.", tags: ["operation"], responses: { "200": { description: "HTML.", content: { "text/html": { schema: { type: "string" } } } } } } },
  },
  components: {
    securitySchemes: { token: { type: "http", scheme: "bearer", description: "As `ashore tokens add` prints it." } },
    parameters: {
      model: { name: "model", in: "path", required: true, description: "A model's name.", schema: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" } },
      version: { name: "version", in: "path", required: true, description: "A version; higher is newer.", schema: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER } },
      label: { name: "label", in: "path", required: true, description: "A name that points at a version.", schema: { type: "string", pattern: "^[^/:]{1,128}$" } },
      ifNoneMatch: { name: "If-None-Match", in: "header", schema: { type: "string" } },
      ifRange: { name: "If-Range", in: "header", schema: { type: "string" } },
      range: { name: "Range", in: "header", description: "One range of bytes; several are answered with the whole.", schema: { type: "string" } },
    },
    headers: {
      etag: { description: 'Strong: `"sha256-<hex>"`, the digest of the bytes.', schema: { type: "string" } },
      cacheControl: { description: "`immutable` where the URL names the bytes; `no-cache` for Ashore's own files; else half a minute.", schema: { type: "string" } },
      reprDigest: { description: "RFC 9530; for caches and people, devices trust the signed manifest alone.", schema: { type: "string" } },
      modelVersion: { description: "The version that answered.", schema: { type: "integer" } },
    },
    responses: {
      error: { description: "What failed, why, and what to do.", content: json("Error") },
      notFound: { description: "There is no such thing here.", content: json("Error") },
    },
    schemas: {
      Error: object({ error: { type: "string" }, code: { type: "string", description: "Stable; for programs." } }, ["error"]),
      Received: object({
        changed: { type: "boolean", description: "False where these bytes were published before." },
        version: { type: "integer", description: "Of the metadata." },
        model: { type: "string" },
        offered: { ...list({ type: "integer" }), description: "The versions that devices are offered now." },
      }),
      Digest: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
      TargetInfo: object({ sha256: { type: "string", pattern: "^[0-9a-f]{64}$" }, length: { type: "integer", minimum: 0 } }),
      Policy: { oneOf: [object({ latest: { type: "integer", minimum: 1 } }), object({ all: { const: true } }), object({ specific: list({ type: "integer" }) })] },
      PublishedVersion: object({
        version: { type: "integer" },
        digest: schema("Digest"),
        size: { type: "integer", description: "Bytes of the manifest." },
        labels: list({ type: "string" }),
        blocked: { type: "boolean" },
        manifest: { type: "string", format: "uri-reference" },
      }),
      PublishedModel: object({ name: { type: "string" }, versions: list(schema("PublishedVersion")), labels: map({ type: "integer" }), policy: schema("Policy") }),
      PublishedModelWithConfig: { allOf: [schema("PublishedModel"), object({ config: schema("ServingConfig") })] },
      ManifestList: object({ expires: { ...nullable("string"), description: "When the signed timestamp expires; null while nothing is signed." }, models: list(schema("PublishedModel")) }),
      ServingConfig: object(
        {
          schemaVersion: { const: 1 },
          model: { type: "string" },
          versions: list(object({ version: { type: "integer" }, manifest: schema("TargetInfo") })),
          policy: schema("Policy"),
          labels: map({ type: "integer" }),
          rollout: object({ version: { type: "integer" }, salt: { type: "string" }, buckets: { type: "integer", minimum: 0, maximum: 10_000 } }),
          blocked: list(schema("Digest")),
          halt: { type: "boolean" },
          pollSeconds: { type: "number" },
        },
        ["schemaVersion", "model", "versions", "policy", "labels", "blocked", "halt", "pollSeconds"],
      ),
      Encoding: object({ codec: { type: "string" }, digest: schema("Digest"), size: { type: "integer" }, width: { type: "integer" }, base: schema("Digest") }, ["codec", "digest", "size"]),
      Blob: object({ mediaType: { type: "string" }, digest: schema("Digest"), size: { type: "integer" }, encodings: list(schema("Encoding")) }),
      TensorInfo: object({ name: { type: "string" }, dtype: { type: "string" }, shape: { ...nullable("array"), items: { type: "integer", minimum: -1 } } }),
      SmallTensor: object({ shape: list({ type: "integer" }), values: list({ type: ["number", "string", "boolean"] }) }),
      ExampleFeature: object(
        { key: { type: "string" }, tensor: { type: "string" }, dtype: { enum: ["float32", "int64", "string"] }, shape: list({ type: "integer" }), default: schema("SmallTensor") },
        ["key", "tensor", "dtype", "shape"],
      ),
      SignatureDef: object(
        { methodName: { type: "string" }, inputs: map(schema("TensorInfo")), outputs: map(schema("TensorInfo")), defaults: map(schema("SmallTensor")), examples: object({ features: list(schema("ExampleFeature")) }) },
        ["methodName", "inputs", "outputs"],
      ),
      Preprocess: object(
        {
          size: { ...list({ type: "integer" }), minItems: 2, maxItems: 2, description: "Height and width; absent: the image's own." },
          resize: { enum: RESIZE_METHODS },
          fit: { enum: FITS },
          centralFraction: { type: "number" },
          background: { ...list({ type: "number" }), minItems: 3, maxItems: 3 },
          channels: { enum: CHANNEL_ORDERS },
          scale: { type: "number" },
          mean: list({ type: "number" }),
          std: list({ type: "number" }),
          layout: { enum: LAYOUTS },
        },
        ["resize", "fit", "centralFraction", "background", "channels", "scale", "mean", "std", "layout"],
      ),
      Classes: object(
        { output: { type: "string" }, names: { oneOf: [list({ type: "string" }), { type: "string", description: "The path of the asset that has them." }] }, activation: { enum: ["softmax", "sigmoid"] } },
        ["output", "names"],
      ),
      Manifest: object(
        {
          schemaVersion: { const: 1 },
          model: { type: "string" },
          version: { type: "integer" },
          created: { type: "string", format: "date-time" },
          signatureDefs: map(schema("SignatureDef")),
          preprocess: map(schema("Preprocess")),
          classes: schema("Classes"),
          assets: list(object({ path: { type: "string" }, blob: schema("Blob") })),
          selfTest: nullable("object"),
          warmup: list({ oneOf: [object({ signatureDef: { type: "string" }, inputs: map(schema("SmallTensor")) }), object({ asset: { type: "string" } })] }),
          variants: list(
            object({ name: { type: "string" }, format: { const: "tfjs-graph-model" }, graph: schema("Blob"), index: schema("Blob"), shards: list(schema("Blob")), backends: list({ enum: ["webgpu", "wasm", "cpu"] }) }, [
              "name",
              "format",
              "graph",
              "index",
              "shards",
            ]),
          ),
        },
        ["schemaVersion", "model", "version", "created", "signatureDefs", "assets", "selfTest", "warmup", "variants"],
      ),
      ModelList: object({ models: list(object({ name: { type: "string" } })) }),
      VersionState: { enum: ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"] },
      ModelStatus: object({
        model_version_status: list(object({ version: { type: "string" }, state: schema("VersionState"), status: object({ error_code: { type: "string" }, error_message: { type: "string" } }) })),
      }),
      ModelMetadata: object({ model_spec: object({ name: { type: "string" }, signature_name: { type: "string" }, version: { type: "string" } }), metadata: { type: "object" } }),
      Tensor: { description: "Nested lists of numbers, booleans, strings or `{b64}`; one value for a scalar." },
      PredictRequest: {
        type: "object",
        properties: { signature_name: { type: "string", default: "serving_default" }, instances: list(schema("Tensor")), inputs: schema("Tensor") },
        oneOf: [{ required: ["instances"] }, { required: ["inputs"] }],
      },
      PredictResponse: { type: "object", oneOf: [object({ predictions: list(schema("Tensor")) }), object({ outputs: schema("Tensor") })] },
      ExampleRequest: object({ signature_name: { type: "string" }, context: { type: "object" }, examples: list({ type: "object" }), top_k: { type: "integer", minimum: 1, default: 5 } }, ["examples"]),
      ExampleResponse: { type: "object", properties: { result: {}, results: list({}) } },
      ShortPredictRequest: { type: "object", oneOf: [object({ input: schema("Tensor") }), object({ instances: list(schema("Tensor")) })] },
      ShortPredictResponse: object(
        {
          outputs: list(object({ name: { type: "string" }, shape: list({ type: "integer" }), dtype: { type: "string" }, tensor: schema("Tensor") })),
          classes: list(list(object({ name: { type: "string" }, score: { type: "number" } }))),
          status: list(object({ state: { type: "string" }, code: { type: "string" } })),
        },
        ["outputs", "status"],
      ),
      Readiness: object({
        ready: { type: "boolean" },
        models: list(
          object(
            {
              name: { type: "string" },
              ready: { type: "boolean" },
              reason: { type: "string" },
              versions: list(object({ version: { type: "integer" }, state: schema("VersionState"), error: object({ code: { type: "string" }, message: { type: "string" } }) }, ["version", "state"])),
            },
            ["name", "ready", "versions"],
          ),
        ),
      }),
    },
  },
};

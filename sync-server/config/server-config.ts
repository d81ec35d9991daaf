import { modelName, type ModelName, type Version } from "../../protocol/names.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";

/** One model to watch: TensorFlow Serving's `ModelConfig`. */
export interface ModelSource {
  readonly name: ModelName;
  /** Absolute path of the model repository: `base_path/<version>/`. */
  readonly basePath: string;
  readonly policy: VersionPolicy;
  readonly labels: Readonly<Record<string, Version>>;
}

/** The demo of `npm start`: a page in the console's place, and one version of its model that the page publishes. */
export interface DemoSource {
  /** The built page's folder, absolute. */
  readonly site: string;
  readonly model: ModelName;
  readonly next: { readonly version: Version; /** Absolute. */ readonly folder: string };
}

/** Everything that `ashore serve` needs to know, whole and checked. */
export interface ServerConfig {
  readonly models: readonly ModelSource[];
  /** Absolute path of the folder that holds keys, metadata, targets and blobs. */
  readonly data: string;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Seconds between two looks at the model repositories; 0 looks once, a negative number never. */
  readonly pollWaitSeconds: number;
  /** Whether this process answers `/v1/...` itself. */
  readonly inference: boolean;
  /** PEM files; undefined serves plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly savedModelTags: readonly string[];
  readonly demo?: DemoSource | undefined;
}

/** Defaults of DESIGN section 8; TensorFlow Serving's own where it has one (`model_servers/server.h`). */
export const DEFAULTS = {
  data: ".ashore",
  host: "127.0.0.1",
  port: 8501,
  pollWaitSeconds: 1,
  inference: true,
  modelName: modelName("default"),
  policy: { latest: 1 },
  savedModelTags: ["serve"],
} as const;

import { DEFAULT_METRICS_PATH } from "../../edge/metrics/metrics-answer.ts";
import type { BatchingParameters } from "../../protocol/batching.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { modelName, type ModelName, type Version } from "../../protocol/names.ts";
import type { RestDialect } from "../../protocol/rest/index.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";

/** One model to watch: TensorFlow Serving's `ModelConfig`. */
export interface ModelSource {
  readonly name: ModelName;
  /** Absolute path of the model repository: `base_path/<version>/`. */
  readonly basePath: string;
  readonly policy: VersionPolicy;
  readonly labels: Readonly<Record<string, Version>>;
}

/** TensorFlow Serving's `--model_config_file`, which is read again while the server runs. */
export interface ModelConfigSource {
  /** Absolute. */
  readonly path: string;
  /** Seconds between two readings; 0 or less reads it once. */
  readonly pollWaitSeconds: number;
}

/** The demo of `npm start`: a page in the console's place, and one version of its model that the page publishes. */
export interface DemoSource {
  /** The built page's folder, absolute. */
  readonly site: string;
  readonly model: ModelName;
  readonly next: { readonly version: Version; /** Absolute. */ readonly folder: string };
}

/** How requests are answered, on a server and on an edge alike. */
export interface AnswerConfig {
  /** How long one request may take, in milliseconds; 0 or less for no bound. */
  readonly timeoutMs: number;
  /** Whether pages of other origins may call `/v1`. */
  readonly cors: boolean;
  /** Where the REST API leaves TensorFlow Serving's behind. */
  readonly dialect: RestDialect;
  /** Where Prometheus finds metrics; null for nowhere. */
  readonly metricsPath: string | null;
  /** Undefined computes each request by itself. */
  readonly batching: BatchingParameters | undefined;
  readonly warmup: WarmupConfig;
}

export interface WarmupConfig {
  /** Whether a version's warm-up records are replayed before it answers. */
  readonly enabled: boolean;
  /** How often each record is replayed. */
  readonly iterations: number;
}

/** Everything that `ashore serve` needs to know, whole and checked. */
export interface ServerConfig extends AnswerConfig {
  readonly models: readonly ModelSource[];
  /** The file that `models` were read from, if it is one that lists all of them. */
  readonly modelConfigFile?: ModelConfigSource | undefined;
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
  modelConfigPollWaitSeconds: 0,
  timeoutMs: LIMITS.requestTimeoutMs,
  cors: false,
  metricsPath: DEFAULT_METRICS_PATH,
  warmup: { enabled: true, iterations: 1 },
} as const;

/** What a runtime is told of warming up. */
export function warmUpOptions({ enabled, iterations }: WarmupConfig): { readonly warmUp: "always" | "never"; readonly warmUpIterations: number } {
  return { warmUp: enabled ? "always" : "never", warmUpIterations: iterations };
}

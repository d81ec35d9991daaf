import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { textProtoReader } from "./text-proto.ts";

const readMonitoringConfig = textProtoReader(
  `
  syntax = "proto3";
  message MonitoringConfig { PrometheusConfig prometheus_config = 1; }
  message PrometheusConfig { bool enable = 1; string path = 2; }
  `,
  "MonitoringConfig",
);

const fileSchema = v.object({
  prometheus_config: v.optional(
    v.object({
      enable: v.optional(v.boolean(), false),
      path: v.optional(v.pipe(v.string(), v.regex(/^\/[^?#\s]*$/, 'must be a path: "/", and what follows without "?", "#" or spaces'))),
    }),
  ),
});

/** What a `--monitoring_config_file` says of Prometheus: nothing, "off" without `enable: true`, or the path, where it gives one. */
export type MonitoringFile = { readonly path: string | undefined } | "off" | undefined;

/**
 * TensorFlow Serving's `MonitoringConfig` as text proto (tensorflow_serving/config/monitoring_config.proto).
 * @throws CONFIG_INVALID
 */
export function parseMonitoringFile(text: string, file: string): MonitoringFile {
  const result = v.safeParse(fileSchema, readMonitoringConfig(text, file));
  if (!result.success) throw new AshoreError("CONFIG_INVALID", `${file}: ${v.getDotPath(result.issues[0]) ?? "the file"} ${result.issues[0].message}.`);
  const { prometheus_config: prometheus } = result.output;
  if (prometheus === undefined) return undefined;
  return prometheus.enable ? { path: prometheus.path } : "off";
}

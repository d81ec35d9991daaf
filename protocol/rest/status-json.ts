import { canonicalCode } from "../errors.ts";
import type { VersionStatus } from "../states.ts";
import { printProtoJson } from "./proto-json.ts";

/** A model's versions as `GET /v1/models/NAME` answers them: the highest first, in protobuf's JSON. */
export function writeModelStatus(versions: readonly VersionStatus[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${printProtoJson({ model_version_status: statuses(versions) })}\n`);
}

/** All models as `GET /v1/models` answers them. The request is ours; an entry is a model's name and its status answer. */
export function writeModelList(models: readonly { readonly name: string; readonly versions: readonly VersionStatus[] }[]): Uint8Array<ArrayBuffer> {
  const entries = models.map(({ name, versions }) => ({ name, model_version_status: statuses(versions) }));
  return new TextEncoder().encode(`${printProtoJson({ models: entries })}\n`);
}

function statuses(versions: readonly VersionStatus[]): object[] {
  return [...versions]
    .sort((a, b) => b.version - a.version)
    .map(({ version, state, error }) => ({
      version: String(version),
      state,
      status: { error_code: error === undefined ? "OK" : canonicalCode(error.code), error_message: error?.message ?? "" },
    }));
}

import type { Backend } from "../protocol/manifest.ts";
import type { HostedServable } from "../runtime/ports.ts";

/** The Web Lock that a worker holds which has just this loaded for the runtime of a scope: no other version, variant or backend has its name. */
export function engineName(scope: string, { digest, variant }: Pick<HostedServable, "digest" | "variant">, backend: Backend): string {
  return `ashore-engine:${digest}:${variant}:${backend}:${scope}`;
}

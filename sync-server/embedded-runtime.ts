import { AshoreError } from "../protocol/errors.ts";
import type { App } from "./app.ts";
import type { ServerConfig } from "./config/index.ts";
import type { Inference } from "./inference.ts";
import type { Log } from "./log.ts";
import type { WithSignal } from "./with-signal.ts";

export interface EmbeddedRuntime extends Inference {
  /** Looks for news now. */
  sync(options?: WithSignal): Promise<void>;
  close(): Promise<void>;
}

export interface EmbeddedOptions extends WithSignal {
  readonly config: ServerConfig;
  readonly app: App;
  readonly log: Log;
}

/** The runtime behind the server's own port: a device like any other, that shares the server's blobs. */
export async function startEmbeddedRuntime({ config }: EmbeddedOptions): Promise<EmbeddedRuntime> {
  throw new AshoreError("UNIMPLEMENTED", `The runtime over ${config.data} is being built; start with --no-inference.`);
}

import type { Log } from "../edge/index.ts";
import { asAshoreError } from "../protocol/errors.ts";
import { receiveRole, type ReceivePorts } from "./publish/index.ts";
import type { WriteRoutesOptions } from "./routes/write-routes.ts";
import { acceptRole } from "./sign/index.ts";
import { openTokens } from "./tokens.ts";
import type { Clock } from "./ports.ts";

export interface PublisherUploadsOptions extends Omit<ReceivePorts, "accept"> {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a data folder takes from publishers who sign elsewhere, and from whom; told in the log. */
export function publisherUploads({ dataDir, log, ...ports }: PublisherUploadsOptions): Omit<WriteRoutesOptions, "storage"> {
  const { storage, clock } = ports;
  const accept: ReceivePorts["accept"] = (upload, options) => acceptRole({ ...upload, dataDir, storage, clock }, options);
  return {
    bearer: openTokens({ dataDir, clock }).bearer,
    receive: async (upload, options) => {
      try {
        const received = await receiveRole(upload, { ...ports, accept }, options);
        const { model, version, changed, offered } = received;
        if (changed) log.info({ model, versions: offered, role: upload.role, metadataVersion: version }, "published by its publisher");
        return received;
      } catch (thrown) {
        const { code, message } = asAshoreError(thrown);
        log.warn({ role: upload.role, code }, `refused what a publisher sent: ${message}`);
        throw thrown;
      }
    },
  };
}

/**
 * `ashore/trust`: a client of The Update Framework (specification 1.0.x) for browsers, workers and Node, on WebCrypto alone.
 * Network, clock and storage are passed in.
 */
export type { Clock, FetchPort, RecordStore, WithSignal } from "../ports.ts";
export { download, HttpStatusError, type Download, type DownloadOptions } from "./download.ts";
export { createTrust, type Trust, type TrustedTarget, type TrustOptions } from "./trust.ts";
export { createUpdater, type PollOptions, type TrustedVersions, type TrustNews, type Updater, type UpdaterOptions } from "./updater.ts";

export { download, HttpStatusError, type Download, type DownloadOptions } from "./download.ts";
export { createTrust, type Trust, type TrustedTarget, type TrustedVersions, type TrustNews, type TrustOptions } from "./trust.ts";

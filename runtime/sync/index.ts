export { fetchBlob, type BlobSource, type FetchBlobOptions } from "./fetch-blob.ts";
export { createVersionFetcher, type FetchedVersion, type FetchVersionOptions, type VersionFetcher, type VersionFetcherOptions, type VersionRequest } from "./fetch-version.ts";
export { inParallel } from "./in-parallel.ts";
export { blobsOf, planBlob, planVersion, type DeviceBlobs, type VersionPlan } from "./plan.ts";
export { nextPollDelay, type PollState } from "./poll-schedule.ts";
export type { Progress } from "./progress.ts";
export { retrying, unitRandom } from "./retry.ts";
export { singleFlight, type SingleFlight } from "./single-flight.ts";

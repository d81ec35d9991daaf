import type * as Package from "ashore";

/** Where a sync server has the package's page module. */
const CLIENT = "/ashore/client.js";

/** The module of the server that this page came from. Here and not in the build, so that page and worker are of one release. */
export async function loadAshore(): Promise<typeof Package> {
  return (await import(/* @vite-ignore */ CLIENT)) as typeof Package;
}

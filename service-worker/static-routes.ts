/** The Service Worker Static Routing API, which TypeScript's library does not know yet. */
interface RouterRule {
  readonly condition: { readonly urlPattern?: { readonly pathname: string }; readonly requestMethod?: string };
  readonly source: "network" | "fetch-event" | "race-network-and-fetch-handler";
}

interface WithRoutes {
  addRoutes(rules: readonly RouterRule[]): Promise<void>;
}

/** What becomes of requests that no model answers. */
export type SiteSource = "network" | "race-network-and-fetch-handler";

/** The methods whose requests change something, or ask for no body: nothing that this worker keeps answers them. */
const OTHER_METHODS = ["HEAD", "POST", "PUT", "PATCH", "DELETE"];

/**
 * Lets the browser get everything but the REST API without waiting for this worker, which may be computing: by the network
 * alone, or by whichever of network and worker is first (the worker has what it kept when the network fails).
 */
export function staticRules(site: SiteSource): readonly RouterRule[] {
  return [
    ...["/v1/*", "/v2/*"].map((pathname): RouterRule => ({ condition: { urlPattern: { pathname } }, source: "fetch-event" })),
    { condition: { requestMethod: "GET" }, source: site },
    ...OTHER_METHODS.map((requestMethod): RouterRule => ({ condition: { requestMethod }, source: "network" })),
  ];
}

/** Resolves also where the browser has no static routes, or refuses these: then every request passes the worker. */
export async function addStaticRoutes(event: object, site: SiteSource): Promise<void> {
  if (!("addRoutes" in event)) return;
  try {
    await (event as WithRoutes).addRoutes(staticRules(site));
  } catch {
    // The rules only make the site faster; a browser with an older draft of them is no reason not to install.
  }
}

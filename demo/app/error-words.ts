/** What a failure is called on the page; its own message says the rest. */
const TITLES: Readonly<Record<string, string>> = {
  INSECURE_ORIGIN: "This address is not secure",
  PROTOCOL_MISMATCH: "This page and its worker are of different releases",
  WORKER_CONFLICT: "Another service worker is at home here",
  WORKER_FAILED: "The worker does not start",
  NETWORK_FAILED: "The server is out of reach",
  HTTP_STATUS: "The server answered with an error",
  SLOW_RETRIEVAL: "The network is too slow",
  NOT_FOUND: "The server has no such model",
  STORE_FULL: "There is no room on this device",
  STORE_FAILED: "This device\u2019s storage failed",
  BACKEND_UNAVAILABLE: "Nothing here can compute the model",
  METADATA_EXPIRED: "The server\u2019s signatures are out of date",
};

export interface ErrorWords {
  readonly title: string;
  readonly message: string;
  /** For programs and for searching. */
  readonly code: string | undefined;
}

export function errorWords(thrown: unknown): ErrorWords {
  const code = codeOf(thrown);
  return {
    title: (code === undefined ? undefined : TITLES[code]) ?? "Something went wrong",
    message: thrown instanceof Error ? thrown.message : String(thrown),
    code,
  };
}

export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : undefined;
}

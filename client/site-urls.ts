import { LIMITS } from "../protocol/limits.ts";

/** The files of this origin among the URLs, once each; answers of models are no files. */
export function siteUrls(all: readonly string[], origin: string): string[] {
  const urls = new Set<string>();
  for (const text of all) {
    if (!URL.canParse(text)) continue;
    const url = new URL(text);
    url.hash = "";
    if (url.origin === origin && !/^\/v[12]\//.test(url.pathname)) urls.add(url.href);
  }
  return [...urls].slice(0, LIMITS.siteEntries);
}

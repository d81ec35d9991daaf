/** What the build knows and the sources do not; set in place by it (`define` of vite.browser.config.ts), and missing in unbuilt code. */
declare const __ASHORE_BUILD__: string;
declare const __ASHORE_WASM__: Readonly<Record<string, string>>;

/** Which build of Ashore this is; for people. */
export const BUILD = typeof __ASHORE_BUILD__ === "undefined" ? "unbuilt" : __ASHORE_BUILD__;

/** TF.js's wasm files by name, each with its SHA-256 in hexadecimal: bytes of any other digest are not compiled. */
export const WASM_DIGESTS: Readonly<Record<string, string>> = typeof __ASHORE_WASM__ === "undefined" ? {} : __ASHORE_WASM__;

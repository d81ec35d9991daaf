export interface BrowserScript {
  readonly entry: string;
  /** Its path in dist/. */
  readonly file: string;
  readonly format: "es" | "iife";
  readonly inServiceWorker: boolean;
}
export const BROWSER_SCRIPTS: Readonly<Record<"client" | "worker" | "service-worker" | "serve", BrowserScript>>;
export function wasmFiles(): readonly { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer>; readonly sha256: string }[];

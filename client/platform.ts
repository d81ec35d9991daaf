import { AshoreError } from "../protocol/errors.ts";

/** What a page must have, as it may be missing. */
export interface Platform {
  readonly isSecureContext: boolean;
  readonly origin: string;
  readonly crypto?: { readonly subtle?: unknown } | undefined;
  readonly navigator: { readonly locks?: unknown };
}

/**
 * Nothing is believed that was not proved, and a page of an insecure origin has nothing to prove with.
 * @throws INSECURE_ORIGIN, with what is missing and the remedy
 */
export function requirePlatform({ isSecureContext, origin, crypto, navigator }: Platform): void {
  const missing = [
    ...(crypto?.subtle === undefined ? ["crypto.subtle (to prove models)"] : []),
    ...(navigator.locks === undefined ? ["navigator.locks (to share them between tabs)"] : []),
  ];
  if (isSecureContext && missing.length === 0) return;
  const what = missing.length > 0 ? `has no ${missing.join(" and no ")}` : "has no service workers";
  throw new AshoreError(
    "INSECURE_ORIGIN",
    isSecureContext
      ? `This browser ${what}, which Ashore needs. Use a newer browser.`
      : `This page's origin, ${origin}, is not secure, so that it ${what}. Serve it over https, or from http://localhost while you develop.`,
  );
}

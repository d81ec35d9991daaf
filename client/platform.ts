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
    ...(crypto?.subtle === undefined ? ["crypto.subtle"] : []),
    ...(navigator.locks === undefined ? ["navigator.locks"] : []),
  ];
  if (isSecureContext && missing.length === 0) return;
  const [who, remedy] = isSecureContext ? ["This browser", "Use a newer one"] : [`The origin ${origin} is not secure, and`, "Serve the page over https, or from http://localhost"];
  throw new AshoreError("INSECURE_ORIGIN", `${who} has no ${missing.join(" and no ") || "service workers"}. ${remedy}.`);
}

/** What was superseded or never signed goes this long after: a device may still be fetching it, or a publish writing it. */
export const KEEP_MS = 24 * 3_600_000;

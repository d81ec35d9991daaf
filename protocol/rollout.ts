import type { ServingConfig } from "./serving-config.ts";

/** Buckets that devices are spread over; a rollout of n buckets reaches n/10000 of them. */
export const BUCKETS = 10_000;

/**
 * A device's bucket: the first 32 bits of SHA-256(salt "." secret) modulo 10000 (bias below 3e-6). The secret is 128 random
 * bits that never leave the device, so raising a rollout only adds devices, and no server learns which.
 */
export async function bucketOf(salt: string, installSecret: string): Promise<number> {
  const bytes = new TextEncoder().encode(`${salt}.${installSecret}`);
  const hash = new DataView(await crypto.subtle.digest("SHA-256", bytes));
  return hash.getUint32(0) % BUCKETS;
}

export function inRollout(bucket: number, buckets: number): boolean {
  return bucket < buckets;
}

/** The salt that a config's rollout draws buckets with; a config without one needs no bucket. */
export function rolloutSalt(config: ServingConfig): string | undefined {
  return config.rollout?.salt;
}

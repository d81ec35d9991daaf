import { AshoreError } from "../errors.ts";

/** METADATA_EXPIRED, and since when. */
export class MetadataExpiredError extends AshoreError {
  /** When the metadata expired, in milliseconds since 1970. */
  readonly since: number;

  constructor(what: string, since: number, now: number) {
    super(
      "METADATA_EXPIRED",
      `${what} expired at ${new Date(since).toISOString()}; the time here is ${new Date(now).toISOString()}. The server stopped signing, someone holds its news back, or this clock is wrong. What is held goes on running.`,
    );
    this.since = since;
  }
}

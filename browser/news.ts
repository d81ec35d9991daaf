import { toWireError } from "../protocol/errors.ts";
import type { HostNews } from "../protocol/messages.ts";
import type { RuntimeEvent } from "../runtime/index.ts";

/** A runtime's event as plain data, for the pages of a scope. */
export function toNews(event: RuntimeEvent): HostNews {
  if (event.type === "problem" || (event.type === "sync" && !event.ok)) return { ...event, error: toWireError(event.error) };
  return event;
}

/** The name of the BroadcastChannel on which the pages of a scope hear {@link HostNews}. */
export function newsChannelName(scope: string): string {
  return `ashore:${scope}`;
}

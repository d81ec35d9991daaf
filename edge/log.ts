import { LIMITS } from "../protocol/limits.ts";
import type { RuntimeEvent } from "../runtime/index.ts";

/** Where an edge tells what it does; pino's logger is one. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * One line of log for each event: what changes is information, what goes wrong a warning with its code. A fault that comes back
 * at every look is a warning once, and until a look succeeds only detail; so is a look that failed for a fault told already.
 */
export function eventLog(log: Log): (event: RuntimeEvent) => void {
  const told = new Set<string>();
  const warnOnce = (fields: object, message: string, reason: string): void => {
    if (told.has(reason)) log.debug(fields, message);
    else log.warn(fields, message);
    if (told.size >= LIMITS.toldFaults) told.clear();
    told.add(reason);
  };
  return (event) => {
    if (event.type === "sync" && event.ok) told.clear();
    logEvent(log, warnOnce, event);
  };
}

function logEvent(log: Log, warnOnce: (fields: object, message: string, reason: string) => void, event: RuntimeEvent): void {
  switch (event.type) {
    case "state": {
      const { model, status, backend } = event;
      const fields = { model, version: status.version, state: status.state, ...(backend === undefined ? {} : { backend }), ...(status.error === undefined ? {} : { code: status.error.code }) };
      if (status.error === undefined) log.info(fields, `${model} version ${status.version} is ${status.state}`);
      else log.warn(fields, `${model} version ${status.version} is ${status.state}: ${status.error.message}`);
      return;
    }
    case "progress":
      log.debug({ model: event.model, version: event.version, phase: event.phase, bytes: event.bytes, totalBytes: event.totalBytes }, `${event.model} version ${event.version}: ${event.phase}`);
      return;
    case "sync":
      if (event.ok) log.debug({ changed: event.changed }, "looked for news");
      else warnOnce({ code: event.error.code }, `No news could be taken in: ${event.error.message}`, event.error.message);
      return;
    case "problem": {
      const { model, version, error } = event;
      warnOnce({ code: error.code, ...(model === undefined ? {} : { model }), ...(version === undefined ? {} : { version }) }, error.message, error.message);
      return;
    }
    case "trust":
      if (event.what === "pinned") log.info({ root: event.detail }, `The root ${event.detail} is pinned: only what it vouches for is taken from now on. Compare it with the server's, or pass --root.`);
      else if (event.what === "fresh") log.info({}, event.detail);
      else log.warn({ trust: event.what }, event.detail);
  }
}

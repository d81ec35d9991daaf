import { MESSAGE_PROTOCOL } from "../protocol/messages.ts";
import type { RequestOf } from "./requests.ts";
import { modelName } from "../protocol/names.ts";
import type { ConnectOptions } from "./types.ts";

/** What `connect` was asked for, whole and absolute. */
export interface Settings {
  readonly hello: RequestOf<"hello">;
  /** The service worker's script; undefined where none is wanted. */
  readonly serviceWorker: string | undefined;
  /** Its scope, as registrations say it. */
  readonly scope: string;
  /** The script of the page's own worker. */
  readonly worker: string;
}

/** @throws NAME_INVALID for a model's name, TypeError for what is no URL */
export function settingsOf({ server, serviceWorker = "/ashore/service-worker.js", scope = "/", worker = "/ashore/worker.js", models = "all", backends, fallback = "none" }: ConnectOptions, baseUrl: string): Settings {
  const absolute = (url: string | URL): string => new URL(url, baseUrl).href;
  return {
    hello: { type: "hello", server: absolute(server ?? "/"), models: models === "all" ? models : models.map(modelName), backends, fallback },
    serviceWorker: serviceWorker === false ? undefined : absolute(serviceWorker),
    scope: absolute(scope),
    worker: absolute(worker),
  };
}

/** What the page's own worker is told first. */
export function hostRole({ scope }: Settings): { readonly ashore: number; readonly role: "host"; readonly scope: string } {
  return { ashore: MESSAGE_PROTOCOL, role: "host", scope: new URL(scope).pathname };
}

import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { CONNECTION_CODES, type ModelState } from "../protocol/messages.ts";
import type { ModelName } from "../protocol/names.ts";
import { abortable } from "./abortable.ts";
import type { Connection } from "./connection.ts";
import { errorOf } from "./read-answer.ts";
import { inRounds } from "./rounds.ts";
import type { ModelSelection, ReadyOptions } from "./types.ts";

/**
 * Resolves when a request would be answered: at once where a version is loaded, without network where one is stored, else
 * when it is fetched, proved and loaded. Rejects when there is nothing left to wait for, with the reason.
 */
export async function becomeReady({ asker, news, siteKept, closing }: Connection, name: ModelName, selection: ModelSelection, { signal, onProgress }: ReadyOptions): Promise<void> {
  const over = new AbortController();
  const ends = AbortSignal.any([over.signal, closing, ...(signal === undefined ? [] : [signal])]);
  const options = { signal: ends };
  let state: ModelState | undefined;
  let problem: AshoreError | undefined;

  async function answers(): Promise<boolean> {
    state = (await asker.ask({ type: "models" }, options)).find((one) => one.name === name);
    const wanted = wantedOf(state, selection) ?? state?.latest;
    return state?.versions.some((one) => one.version === wanted && one.state === "AVAILABLE") === true;
  }

  async function settled(): Promise<boolean> {
    await inRounds(asker, { type: "settle" }, options);
    return await answers();
  }

  /** A failed look is not the end: what was stored, or came before it failed, may answer. */
  async function looked(join: boolean): Promise<boolean> {
    let failure: AshoreError | undefined;
    try {
      await inRounds(asker, { type: "sync", join }, options);
    } catch (thrown) {
      failure = asAshoreError(thrown);
      if (ends.aborted || CONNECTION_CODES.includes(failure.code)) throw failure;
    }
    if (await settled()) return true;
    if (failure === undefined) return false;
    throw whyNot(state, name, selection, problem ?? failure);
  }

  let unsubscribe: () => void = () => undefined;
  // Another model's download may go on for minutes after this one can answer.
  const early = new Promise<void>((resolve) => {
    unsubscribe = news.subscribe((event) => {
      if (!("model" in event) || event.model !== name) return;
      if (event.type === "problem") problem = errorOf(event.error);
      else if (event.type === "progress") {
        const { type: _, model: __, ...progress } = event;
        if (selection.version === undefined || selection.version === progress.version) onProgress?.(progress);
      } else if (event.type === "state" && event.status.state === "AVAILABLE") {
        // The way below tells of what fails.
        answers().then((yes) => (yes ? resolve() : undefined), () => undefined);
      }
    });
  });

  async function look(): Promise<void> {
    if ((await answers()) || (await settled()) || (await looked(true)) || (await looked(false))) return;
    throw whyNot(state, name, selection, problem);
  }

  try {
    await Promise.race([early, look()]);
    await abortable(siteKept, ends);
  } finally {
    unsubscribe();
    over.abort();
  }
}

/** Why the version that was asked for, or else the newest that failed, does not answer. */
function whyNot(state: ModelState | undefined, name: ModelName, selection: ModelSelection, cause: AshoreError | undefined): AshoreError {
  const wanted = wantedOf(state, selection);
  const ended = state?.versions.find((one) => one.error !== undefined && (wanted === undefined || one.version === wanted));
  if (ended?.error !== undefined) {
    const { code, message } = errorOf(ended.error);
    return new AshoreError(code, `Version ${ended.version} of ${name} does not answer: ${message}`, { cause });
  }
  if (cause !== undefined) return cause;
  if (state === undefined) return new AshoreError("NOT_FOUND", `The server lists no model ${name}, or \`models\` of connect leaves it out.`);
  const held = state.versions.map((one) => `${one.version} (${one.state})`).join(", ");
  return new AshoreError("NOT_FOUND", `The server gives this device no version ${selection.version ?? selection.label ?? "at all"} of ${name}; it holds ${held || "none"}.`);
}

/** The version that is asked for, undefined where any will do. A label that points nowhere is NaN, which no version is. */
function wantedOf(state: ModelState | undefined, { version, label }: ModelSelection): number | undefined {
  return label === undefined ? version : (state?.labels?.[label] ?? NaN);
}

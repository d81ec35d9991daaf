import type { Progress, ServableState, Watched } from "ashore";
import { element, setText } from "./dom.ts";
import { bytesText } from "./format.ts";
import { tintOf } from "./tint.ts";

const STEPS: readonly ServableState[] = ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"];

const PHASES: Readonly<Record<Progress["phase"], string>> = { download: "Downloading", load: "Loading", "self-test": "Testing itself", "warm-up": "Warming up" };

interface Row {
  readonly item: HTMLLIElement;
  readonly steps: readonly HTMLLIElement[];
  readonly meter: HTMLProgressElement;
  readonly detail: HTMLElement;
  state: ServableState | undefined;
}

/** Each version of the model and how far it is on its way: a strip of states, bytes while it comes, and why it ended. */
export class VersionsList {
  readonly #list: Element;
  readonly #rows = new Map<number, Row>();

  constructor(list: Element) {
    this.#list = list;
    this.clear();
  }

  clear(): void {
    this.#rows.clear();
    this.#list.replaceChildren(element("li", { class: "none" }, "None yet"));
  }

  take(watched: Exclude<Watched, { readonly type: "trust" }>): void {
    const version = watched.type === "state" ? watched.status.version : watched.version;
    if (version === undefined) return;
    const row = this.#rowOf(version);
    if (watched.type === "progress") this.#progress(row, watched);
    else if (watched.type === "problem") {
      // One that answers does so whatever else did not work: a faster backend that this device lacks, for one.
      if (row.state !== "AVAILABLE") setText(row.detail, watched.error.message);
    } else {
      const { state, error } = watched.status;
      this.#state(row, state);
      setText(row.detail, error?.message ?? detailOf(state, watched.backend, row));
    }
  }

  #state(row: Row, state: ServableState): void {
    row.state = state;
    row.item.dataset["state"] = state;
    const at = STEPS.indexOf(state);
    row.steps.forEach((step, i) => {
      step.classList.toggle("past", i < at);
      if (i === at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    if (state !== "START" && state !== "LOADING") row.meter.value = state === "AVAILABLE" ? row.meter.max : 0;
  }

  #progress(row: Row, { phase, bytes, totalBytes }: Progress): void {
    row.meter.max = Math.max(1, totalBytes);
    row.meter.value = phase === "download" ? bytes : totalBytes;
    setText(row.detail, phase === "download" ? `${PHASES[phase]}: ${bytesText(bytes)} of ${bytesText(totalBytes)}` : `${PHASES[phase]}, ${bytesText(totalBytes)}`);
    if (row.state === undefined) this.#state(row, "START");
  }

  #rowOf(version: number): Row {
    const known = this.#rows.get(version);
    if (known !== undefined) return known;
    if (this.#rows.size === 0) this.#list.replaceChildren();
    const steps = STEPS.map((step) => element("li", {}, step));
    const meter = element("progress", { max: "1", value: "0", "aria-label": `Download of version ${version}` });
    const detail = element("p", { class: "detail" });
    const strip = element("ol", { class: "strip", "aria-label": `States of version ${version}` }, ...steps);
    const item = element("li", { class: "version", "data-tint": tintOf(version) }, element("h3", {}, `Version ${version}`), strip, meter, detail);
    const row: Row = { item, steps, meter, detail, state: undefined };
    this.#rows.set(version, row);
    // A newer version goes below, so that what is being read stays where it is.
    const next = [...this.#rows].filter(([other]) => other > version).sort(([a], [b]) => a - b)[0]?.[1];
    this.#list.insertBefore(item, next?.item ?? null);
    return row;
  }
}

function detailOf(state: ServableState, backend: string | undefined, row: Row): string {
  switch (state) {
    case "START":
      return "Next to be loaded";
    case "LOADING":
      return row.detail.textContent === "" ? "Loading" : row.detail.textContent;
    case "AVAILABLE":
      return backend === undefined ? "Answers requests" : `Answers requests with ${backend}`;
    case "UNLOADING":
      return "Finishes what it was asked";
    case "END":
      return "No longer loaded";
  }
}

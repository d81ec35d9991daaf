import { setText } from "./dom.ts";

export type Reach = "waiting" | "online" | "offline";

const WORDS: Readonly<Record<Reach, string>> = { waiting: "Connecting", online: "Online", offline: "Offline, still answering" };

/** Whether the server can be reached; without it this device goes on by itself. */
export class Badge {
  readonly #badge: HTMLElement;

  constructor(badge: HTMLElement) {
    this.#badge = badge;
  }

  /** @param answers whether a version answers here */
  show(reach: Reach, answers: boolean): void {
    this.#badge.dataset["state"] = reach;
    setText(this.#badge, reach === "offline" && !answers ? "Offline" : WORDS[reach]);
  }

  /** There is no runtime to ask. */
  failed(): void {
    this.#badge.dataset["state"] = "offline";
    setText(this.#badge, "Not connected");
  }
}

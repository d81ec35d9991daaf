import { element, setText } from "./dom.ts";
import { percentText } from "./format.ts";

/** How long a reading stands before it is said aloud, in milliseconds. */
const SAID_AFTER = 700;

/** The ten probabilities as levels that rise and fall, and the likeliest digit in large. */
export class Bars {
  readonly #items = Array.from({ length: 10 }, (_, digit) => {
    const level = element("span", { class: "level" });
    const share = element("span", { class: "share" });
    const item = element("li", {}, element("span", { class: "tube", "aria-hidden": "true" }, level), element("span", { class: "name" }, String(digit)), share);
    return { item, level, share };
  });
  readonly #digit: Element;
  readonly #sure: Element;
  readonly #spoken: Element;
  #saying: { readonly text: string; readonly timer: number } | undefined;

  constructor({ list, digit, sure, spoken }: { readonly list: Element; readonly digit: Element; readonly sure: Element; readonly spoken: Element }) {
    this.#digit = digit;
    this.#sure = sure;
    this.#spoken = spoken;
    list.append(...this.#items.map(({ item }) => item));
    this.clear("Nothing yet");
  }

  /** @param scores ten, which sum to 1 */
  show(scores: ArrayLike<number>): void {
    const shares = Array.from({ length: 10 }, (_, digit) => scores[digit] ?? 0);
    const best = shares.indexOf(Math.max(...shares));
    this.#levels(shares, best);
    setText(this.#digit, String(best));
    setText(this.#sure, `${percentText(shares[best] ?? 0)} sure`);
    this.#say(`It reads ${best}`);
  }

  clear(text: string): void {
    this.#levels(Array.from({ length: 10 }, () => 0), undefined);
    setText(this.#digit, "\u2013");
    setText(this.#sure, text);
    this.#say("");
  }

  #levels(shares: readonly number[], best: number | undefined): void {
    this.#items.forEach(({ item, level, share }, digit) => {
      const value = shares[digit] ?? 0;
      level.style.transform = `scaleY(${value.toFixed(4)})`;
      item.classList.toggle("best", digit === best);
      setText(share, best === undefined ? "" : `${Math.round(value * 100)}%`);
    });
  }

  /** Ten answers a second are too many to be read out: only what stands still is. */
  #say(text: string): void {
    if (this.#saying?.text === text) return;
    clearTimeout(this.#saying?.timer);
    this.#saying = { text, timer: window.setTimeout(() => setText(this.#spoken, text), SAID_AFTER) };
  }
}

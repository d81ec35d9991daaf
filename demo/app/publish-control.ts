import { setText } from "./dom.ts";
import { findPublishing, type Publishing } from "./publishing.ts";

/** The two versions that the demo's server can move between. */
const [OLD, NEW] = [1, 2];

export interface PublishControlOptions {
  readonly button: HTMLButtonElement;
  readonly note: HTMLElement;
  /** The server offers another version now; resolves when this device has looked. */
  readonly moved: () => Promise<void>;
}

/** Publishes version 2, or goes back to version 1; hidden where the server has no such control. */
export class PublishControl {
  readonly #options: PublishControlOptions;
  #publishing: Publishing | undefined;
  #serving: number | undefined;
  #awaited: number | undefined;
  #reached = true;
  #moving = false;

  constructor(options: PublishControlOptions) {
    this.#options = options;
    options.button.addEventListener("click", () => void this.#move());
  }

  async find(): Promise<void> {
    this.#publishing ??= await findPublishing();
    this.#show();
  }

  /** The version that answered last: the button leads to the other one. */
  serves(version: number): void {
    if (this.#serving === version) return;
    this.#serving = version;
    if (version === this.#awaited) setText(this.#options.note, `Version ${version} answers now.`);
    this.#show();
  }

  reach(reached: boolean): void {
    this.#reached = reached;
    this.#show();
  }

  #target(): number {
    return this.#serving === NEW ? OLD : NEW;
  }

  #show(): void {
    const { button } = this.#options;
    button.hidden = this.#publishing === undefined;
    button.disabled = this.#moving || !this.#reached || this.#serving === undefined;
    setText(button, this.#target() === NEW ? `Publish version ${NEW}` : `Revert to version ${OLD}`);
  }

  async #move(): Promise<void> {
    const { note, moved } = this.#options;
    const target = this.#target();
    this.#moving = true;
    this.#show();
    setText(note, target === NEW ? `The server signs version ${target} and offers it.` : `The server points back to version ${target}.`);
    try {
      await this.#publishing?.moveTo(target);
      this.#awaited = target;
      setText(note, `Signed. This device goes to version ${target} without a pause.`);
      await moved();
    } catch (thrown) {
      setText(note, `The server did not do it: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    } finally {
      this.#moving = false;
      this.#show();
    }
  }
}

import { element, svg } from "./dom.ts";
import { EXAMPLES } from "./examples.ts";
import type { Stroke } from "./ink.ts";

/** Ten digits to tap. The digit keys draw them too, wherever the focus is. */
export function addExamples(group: HTMLElement, draw: (strokes: readonly Stroke[]) => void): void {
  const buttons = EXAMPLES.map((strokes, digit) => {
    const d = strokes.map((stroke) => `M${stroke.map(({ x, y }) => `${x.toFixed(3)} ${y.toFixed(3)}`).join("L")}`).join("");
    const button = element("button", { type: "button", "aria-label": `Draw a ${digit}`, title: `Draw a ${digit} (key ${digit})` });
    button.append(svg("svg", { viewBox: "0 0 1 1", "aria-hidden": "true" }, svg("path", { d })));
    button.addEventListener("click", () => draw(strokes));
    return button;
  });
  group.append(...buttons);
  document.addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey, repeat }) => {
    if (ctrlKey || metaKey || altKey || repeat || document.querySelector("dialog[open]") !== null) return;
    const strokes = /^[0-9]$/.test(key) ? EXAMPLES[Number(key)] : undefined;
    if (strokes !== undefined) draw(strokes);
  });
}

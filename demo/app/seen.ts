import { SIDE } from "./ink.ts";

/** Shows what the model is asked about, pixel by pixel, in the canvas's text colour. */
export function paintSeen(canvas: HTMLCanvasElement, ink: Float32Array): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const [red = 0, green = 0, blue = 0] = (getComputedStyle(canvas).color.match(/[\d.]+/g) ?? []).map(Number);
  const image = context.createImageData(SIDE, SIDE);
  ink.forEach((value, at) => image.data.set([red, green, blue, Math.round(value * 255)], at * 4));
  context.putImageData(image, 0, 0);
}

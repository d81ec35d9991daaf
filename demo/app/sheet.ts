import type { Point, Stroke } from "./ink.ts";

/** Of the sheet's side: as thick as the strokes that the model has learned from. */
const PEN = 0.068;

/** The sheet that is drawn on, with a mouse, a finger or a pen. */
export class Sheet {
  readonly #canvas: HTMLCanvasElement;
  readonly #onChange: () => void;
  #strokes: Stroke[] = [];
  #pen: { readonly id: number; readonly points: Point[] } | undefined;

  /** @param onChange told after every change, several times a frame while somebody draws */
  constructor(canvas: HTMLCanvasElement, onChange: () => void) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"] as const) canvas.addEventListener(end, (event) => this.#up(event));
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint());
  }

  get strokes(): readonly Stroke[] {
    return this.#pen === undefined ? this.#strokes : [...this.#strokes, this.#pen.points];
  }

  show(strokes: readonly Stroke[]): void {
    this.#pen = undefined;
    this.#strokes = [...strokes];
    this.#changed();
  }

  #down(event: PointerEvent): void {
    if (this.#pen !== undefined || event.button !== 0) return;
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pen = { id: event.pointerId, points: [this.#pointOf(event)] };
    this.#changed();
  }

  #move(event: PointerEvent): void {
    if (this.#pen?.id !== event.pointerId) return;
    const events = event.getCoalescedEvents();
    this.#pen.points.push(...(events.length > 0 ? events : [event]).map((one) => this.#pointOf(one)));
    this.#changed();
  }

  #up(event: PointerEvent): void {
    if (this.#pen?.id !== event.pointerId) return;
    this.#strokes.push(this.#pen.points);
    this.#pen = undefined;
    this.#changed();
  }

  #pointOf({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: (clientX - left) / width, y: (clientY - top) / height };
  }

  #changed(): void {
    this.#paint();
    this.#onChange();
  }

  #fit(): void {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    this.#paint();
  }

  #paint(): void {
    const context = this.#canvas.getContext("2d");
    if (context === null) return;
    const side = this.#canvas.width;
    context.clearRect(0, 0, side, side);
    context.strokeStyle = context.fillStyle = getComputedStyle(this.#canvas).color;
    context.lineWidth = PEN * side;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.strokes) {
      const [first, ...rest] = stroke;
      if (first === undefined) continue;
      context.beginPath();
      context.moveTo(first.x * side, first.y * side);
      // A line to where it stands is a dot.
      for (const { x, y } of rest.length > 0 ? rest : [first]) context.lineTo(x * side, y * side);
      context.stroke();
    }
  }
}

import { element, svg } from "./dom.ts";
import { countText } from "./format.ts";
import { WINDOW_SECONDS, totalsOf, type Second } from "./tally.ts";
import { tintOf } from "./tint.ts";

/** The chart's height, in its own units; as wide as the window has seconds. */
const HEIGHT = 20;
/** It is at least so many answers high, so that a quiet minute looks quiet. */
const FLOOR = 12;

/** A column a second, a colour a version; failures, should there be any, on top. */
export function drawChart(chart: SVGElement, counts: Element, seconds: readonly Second[]): void {
  const { byVersion, answers, failures } = totalsOf(seconds);
  const highest = Math.max(FLOOR, ...seconds.map((second) => second.failures + [...second.answers.values()].reduce((sum, count) => sum + count, 0)));
  const scale = HEIGHT / highest;
  const paths = new Map<number | "failed", string>([...[...byVersion.keys()].map((version) => [version, ""] as const), ["failed", ""]]);
  seconds.slice(-WINDOW_SECONDS).forEach((second, x) => {
    let top = HEIGHT;
    for (const key of paths.keys()) {
      const height = (key === "failed" ? second.failures : (second.answers.get(key) ?? 0)) * scale;
      if (height === 0) continue;
      top -= height;
      paths.set(key, `${paths.get(key)}M${x + 0.12} ${top.toFixed(3)}h.76v${height.toFixed(3)}h-.76z`);
    }
  });
  chart.replaceChildren(...[...paths].map(([key, d]) => svg("path", { d, "data-tint": key === "failed" ? "failed" : tintOf(key) })));
  counts.replaceChildren(
    ...[...byVersion].map(([version, count]) => element("span", { "data-tint": tintOf(version) }, `${count.toLocaleString("en")} by version ${version}`)),
    element("span", failures > 0 ? { "data-tint": "failed" } : { class: "fine" }, answers + failures === 0 ? "No questions yet" : countText(failures, "failure")),
  );
}

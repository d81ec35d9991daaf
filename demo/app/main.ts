import type { Answer, Ashore, Watched } from "ashore";
import { Badge, type Reach } from "./badge.ts";
import { Bars } from "./bars.ts";
import { drawChart } from "./chart.ts";
import { byId, setText } from "./dom.ts";
import { errorWords } from "./error-words.ts";
import { addExamples } from "./example-buttons.ts";
import { EXAMPLES } from "./examples.ts";
import { bytesText, median, timeText } from "./format.ts";
import { inkOf } from "./ink.ts";
import { PublishControl } from "./publish-control.ts";
import { paintSeen } from "./seen.ts";
import { Session } from "./session.ts";
import { Sheet } from "./sheet.ts";
import { Tally } from "./tally.ts";
import { tintOf } from "./tint.ts";
import { VersionsList } from "./versions-list.ts";

/** How many answers the latency is the median of. */
const LATENCIES = 30;
const CHART_EVERY = 500;

const fact = (name: string): HTMLElement => byId(`fact-${name}`, HTMLElement);
const bars = new Bars({ list: byId("bars", HTMLElement), digit: byId("digit", HTMLElement), sure: byId("sure", HTMLElement), spoken: byId("spoken", HTMLElement) });
const versions = new VersionsList(byId("versions", HTMLElement));
const badge = new Badge(byId("badge", HTMLElement));
const seen = byId("seen", HTMLCanvasElement);
const deleteButton = byId("delete", HTMLButtonElement);
const tally = new Tally();
const latencies: number[] = [];

let ink = inkOf([]);
let session: Session | undefined;
let opening = false;
let reach: Reach = "waiting";
let persisted = true;

const sheet = new Sheet(byId("sheet", HTMLCanvasElement), () => {
  ink = inkOf(sheet.strokes);
  paintSeen(seen, ink);
  byId("hint", HTMLElement).hidden = sheet.strokes.length > 0;
  if (sheet.strokes.length === 0 && session !== undefined) bars.clear("An empty sheet");
  session?.ask();
});

const publishing = new PublishControl({ button: byId("publish", HTMLButtonElement), note: byId("publish-note", HTMLElement), moved: async () => await session?.look() });

async function open(): Promise<void> {
  if (opening || session !== undefined) return;
  opening = true;
  byId("notice", HTMLElement).hidden = true;
  bars.clear("Fetching the model");
  try {
    session = await Session.open(() => ink, { onConnected, onWatched, onReady: () => undefined, onAnswer, onFailure, onReach });
    deleteButton.disabled = false;
    showReach(reach);
    if (sheet.strokes.length === 0) bars.clear("An empty sheet");
    session.ask();
    await showStored();
  } catch (thrown) {
    fail(thrown);
  } finally {
    opening = false;
  }
}

function onConnected(ashore: Ashore): void {
  persisted = ashore.persisted;
  const where = ashore.host === "service-worker" ? "A service worker holds it for every tab of this site." : "This tab alone holds it: this browser offers no service worker here.";
  setText(byId("host", HTMLElement), persisted ? where : "This browser keeps nothing here (a private window, or storage is switched off), so a reload fetches the model anew.");
}

function onWatched(watched: Watched): void {
  if (watched.type === "trust") return showTrust(watched);
  versions.take(watched);
  if (watched.type === "state" && (watched.status.state === "AVAILABLE" || watched.status.state === "END")) void showStored();
}

/** Expired signatures stop the news, and nothing else; the page says since when. */
function showTrust({ what, since }: Extract<Watched, { readonly type: "trust" }>): void {
  const stale = byId("stale", HTMLElement);
  if (what !== "expired" && what !== "fresh") return;
  stale.hidden = what === "fresh";
  const when = since === undefined ? "" : ` on ${new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(since)}`;
  setText(stale, what === "fresh" ? "" : `The server\u2019s signatures expired${when}. Until they are renewed this device takes no new version; the one that it holds goes on answering.`);
}

function onAnswer({ outputs, version, backend, servedBy }: Answer, ms: number): void {
  tally.answered(version, performance.now() / 1000);
  latencies.push(ms);
  if (latencies.length > LATENCIES) latencies.shift();
  const scores = outputs["scores"]?.data;
  if (scores instanceof Float32Array && sheet.strokes.length > 0) bars.show(scores);
  byId("answer", HTMLElement).dataset["tint"] = tintOf(version);
  setText(fact("version"), String(version));
  setText(fact("backend"), backend ?? "\u2013");
  setText(fact("latency"), timeText(median(latencies) ?? ms));
  setText(fact("served"), servedBy === "device" ? "this device" : "the server");
  publishing.serves(version);
}

/** A question that failed is counted, and shown in the chart; the next one may well be answered. */
function onFailure(thrown: unknown): void {
  tally.failed(performance.now() / 1000);
  console.warn(thrown);
}

function onReach(reached: boolean): void {
  showReach(reached ? "online" : "offline");
  if (reached) void publishing.find();
}

function showReach(next: Reach): void {
  reach = next;
  badge.show(reach, session !== undefined);
  publishing.reach(reach === "online");
}

/** What is stored; a question that is cut off by the end of its session needs no answer. */
async function showStored(): Promise<void> {
  const stored = await session?.storedBytes().catch(() => undefined);
  if (stored === undefined) return;
  setText(byId("stored-bytes", HTMLElement), bytesText(stored.bytes));
  const list = new Intl.ListFormat("en").format(stored.versions.map(String));
  setText(byId("stored-detail", HTMLElement), stored.versions.length === 0 ? "Nothing is stored" : `verified: version${stored.versions.length > 1 ? "s" : ""} ${list}`);
}

function fail(thrown: unknown): void {
  const { title, message, code } = errorWords(thrown);
  show({ title, message, code, button: "Try again" });
  bars.clear("No answer");
  if (code === "NETWORK_FAILED" || !navigator.onLine) showReach("offline");
  else badge.failed();
}

function show({ title, message, code, button }: { readonly title: string; readonly message: string; readonly code: string | undefined; readonly button: string }): void {
  setText(byId("notice-title", HTMLElement), title);
  setText(byId("notice-message", HTMLElement), message);
  setText(byId("notice-code", HTMLElement), code ?? "");
  setText(byId("retry", HTMLButtonElement), button);
  byId("notice", HTMLElement).hidden = false;
}

async function forget(): Promise<void> {
  const ending = session;
  if (ending === undefined) return;
  session = undefined;
  deleteButton.disabled = true;
  latencies.length = 0;
  try {
    await ending.remove();
  } catch (thrown) {
    return fail(thrown);
  }
  versions.clear();
  bars.clear("No model");
  for (const name of ["version", "backend", "latency", "served"]) setText(fact(name), "\u2013");
  setText(byId("stored-bytes", HTMLElement), bytesText(0));
  setText(byId("stored-detail", HTMLElement), "Nothing is stored");
  show({ title: "The model is deleted", message: "Nothing of it is left on this device. It is fetched again when you ask for it.", code: undefined, button: "Fetch it again" });
}

function offlineNote(): string {
  if (session === undefined) return "Wait until the model has arrived once.";
  return persisted ? "Everything that this page needs is on this device now." : "This browser keeps nothing here, so a reload would need the server; drawing goes on without it.";
}

function draw(strokes: Parameters<Sheet["show"]>[0]): void {
  sheet.show(strokes);
}

addExamples(byId("examples", HTMLElement), draw);
byId("clear", HTMLButtonElement).addEventListener("click", () => draw([]));
byId("retry", HTMLButtonElement).addEventListener("click", () => void open());
deleteButton.addEventListener("click", () => void forget());
byId("try-offline", HTMLButtonElement).addEventListener("click", () => {
  setText(byId("offline-note", HTMLElement), offlineNote());
  byId("offline", HTMLDialogElement).showModal();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintSeen(seen, ink));
setInterval(() => {
  if (!document.hidden) drawChart(byId("chart", SVGElement), byId("counts", HTMLElement), tally.window(performance.now() / 1000));
}, CHART_EVERY);

draw(EXAMPLES[3] ?? []);
drawChart(byId("chart", SVGElement), byId("counts", HTMLElement), tally.window(performance.now() / 1000));
void open();

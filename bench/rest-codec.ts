/**
 * The REST tensor codec beside `JSON.parse` + flatten and `JSON.stringify`, on the body of one [1, 224, 224, 3] image, bytes
 * in and bytes out for all, in Node and in a page of Chromium; then its rounding, each way, against exact arithmetic on a million
 * seeded texts and floats.
 */
import { mulberry32 } from "../protocol/self-test.ts";
import { bundle, launchChromium, serveOrigin } from "../test/support/chromium.ts";
import { checkParsing, checkPrinting } from "./support/exact-decimals.ts";
import { codecRaces, COUNT, RACE_ROUNDS, type Race } from "./support/page/codec-race.ts";
import { median, printRatio } from "./support/ratios.ts";

const CHECKED = 1_000_000;

print(`Node ${process.version}`, codecRaces());
await inChromium();
const parsing = checkParsing(CHECKED, mulberry32(11));
const printing = checkPrinting(CHECKED, mulberry32(13));
console.log(`${parsing.wrong === 0 ? "ok  " : "MISS"} ${parsing.wrong} of ${parsing.count} texts read wrongly (${parsing.ties} of them halfway cases)`);
console.log(`${printing.wrong === 0 ? "ok  " : "MISS"} ${printing.wrong} of ${printing.count} floats printed wrongly (${printing.ties} of them halfway cases)`);
if (parsing.wrong + printing.wrong > 0) process.exitCode = 1;

async function inChromium(): Promise<void> {
  const origin = await serveOrigin({ "/race.js": await bundle("bench/support/page/codec-race.ts", { format: "iife", minify: true }) });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(origin.url);
    await page.addScriptTag({ url: "/race.js" });
    print(`Chromium ${browser.version()}`, await page.evaluate<Race[]>("codecRaces()"));
  } finally {
    await browser.close();
    await origin.close();
  }
}

function print(where: string, races: readonly Race[]): void {
  console.log(`${where}, ${COUNT} numbers, medians of ${RACE_ROUNDS} alternating rounds`);
  for (const { name, atLeast, bytes, ours, naive } of races) {
    const [mine, other] = [median(ours), median(naive)];
    printRatio(name, other / mine, { atLeast }, `${rate(bytes, mine)} against ${rate(bytes, other)}, ${millions(mine)} against ${millions(other)} million numbers a second`);
  }
}

function rate(bytes: number, ms: number): string {
  return `${(bytes / ms / 1000).toFixed(0)} MB/s`;
}

function millions(ms: number): string {
  return (COUNT / ms / 1000).toFixed(1);
}

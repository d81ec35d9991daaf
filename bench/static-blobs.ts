/**
 * Blobs over HTTP beside sirv: 4 MiB out of memory and streamed, 400 bytes, and 304. Each server a process of its own, the
 * load from this one, over keep-alive connections. Rounds are short and alternate; the ratio is the median over the rounds,
 * each to the peer's of the same moment, because a busy machine's rates move threefold within a minute. sirv's 304 has no
 * header at all; ours carries those that RFC 9110, 15.4.5 demands, and the one that lets other origins read it. So there are two
 * rows: beside sirv as it is, and beside a sirv that says the same.
 */
import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serveBlobs, writeBlobs, type Candidate } from "./support/blob-servers.ts";
import { answersPerSecond } from "./support/raw-load.ts";
import { median, printRatio } from "./support/ratios.ts";

const ROUNDS = 15;
const SECONDS = 0.5;
/** Rounds that do not count: until then the compilers of both are at work. */
const WARM_UP = 4;
const CANDIDATES: readonly Candidate[] = ["ashore", "ashore-streamed", "sirv", "sirv-whole"];

const [role, dataFolder] = process.argv.slice(2);
if (role !== undefined && dataFolder !== undefined) {
  process.send?.(await serveBlobs(CANDIDATES.find((name) => name === role) ?? "ashore", dataFolder));
} else {
  await measure();
}

async function measure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "ashore-bench-"));
  const [large, small] = [randomBytes(4 * 1024 * 1024), randomBytes(400)];
  const [largeHex, smallHex] = [large, small].map((bytes) => createHash("sha256").update(bytes).digest("hex"));
  await writeBlobs(folder, { [largeHex ?? ""]: large, [smallHex ?? ""]: small });
  try {
    const rows = [
      { what: "4 MiB", path: `/blobs/sha256/${largeHex}`, unchanged: false, connections: 8, candidates: ["ashore", "ashore-streamed", "sirv"] as const, goal: 1 },
      { what: "400 B", path: `/blobs/sha256/${smallHex}`, unchanged: false, connections: 16, candidates: ["ashore", "sirv"] as const, goal: 1 },
      { what: "304", path: `/blobs/sha256/${smallHex}`, unchanged: true, connections: 16, candidates: ["ashore", "sirv-whole"] as const, goal: 1 },
      // What the three headers cost: nothing to reach, something to know.
      { what: "304 without headers at the peer", path: `/blobs/sha256/${smallHex}`, unchanged: true, connections: 16, candidates: ["ashore", "sirv"] as const, goal: 0.95 },
    ];
    for (const row of rows) await measureRow(folder, row);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Row {
  readonly what: string;
  readonly path: string;
  readonly unchanged: boolean;
  readonly connections: number;
  readonly candidates: readonly Candidate[];
  readonly goal: number;
}

function isPeer(name: Candidate): boolean {
  return name.startsWith("sirv");
}

/** Servers that did nothing before: what they did for another row would weigh on this one. */
async function measureRow(folder: string, { what, path, unchanged, connections, candidates, goal }: Row): Promise<void> {
  const servers: { readonly name: Candidate; readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly rates: number[]; stop(): void }[] = [];
  try {
    for (const name of candidates) {
      const child = fork(fileURLToPath(import.meta.url), [name, folder]);
      const [origin] = (await once(child, "message")) as [string];
      const url = origin + path;
      servers.push({ name, url, headers: unchanged ? { "if-none-match": await etagOf(url) } : {}, rates: [], stop: () => child.kill() });
    }
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      for (const { url, headers, rates } of round % 2 === 0 ? servers : servers.toReversed()) {
        const rate = await answersPerSecond(url, headers, { connections, seconds: SECONDS, status: unchanged ? 304 : 200 });
        if (round >= 0) rates.push(rate);
      }
    }
    const peer = servers.find(({ name }) => isPeer(name))?.rates ?? [];
    for (const { name, rates } of servers) {
      const ratio = median(rates.map((rate, round) => rate / (peer[round] ?? Number.NaN)));
      if (!isPeer(name)) printRatio(`${what}: ${name} / sirv`, ratio, { atLeast: goal }, `${median(rates).toFixed(0)} and ${median(peer).toFixed(0)} answers/s`);
    }
  } finally {
    for (const { stop } of servers) stop();
  }
}

async function etagOf(url: string): Promise<string> {
  const { headers } = await fetch(url, { method: "HEAD" });
  return headers.get("etag") ?? "";
}

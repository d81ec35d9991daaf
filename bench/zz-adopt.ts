import { openBrowserBench, query, stopWorkers, visit } from "./support/browser-bench.ts";
import { median } from "./support/ratios.ts";
const M = { name: "centernet", input: "tower_0/images", shape: [1, 512, 512, 3] } as const;
const bench = await openBrowserBench([M]);
try {
  const context = await bench.browser.newContext();
  const { page: p } = await visit(context, `${bench.site.url}/tfjs.html${query(M, "&save")}`);
  await p.waitForFunction("globalThis.saved");
  await p.close();
  const { page: open } = await visit(context, `${bench.site.url}/ashore.html${query(M)}`);
  let made = 0;
  open.on("worker", () => made++);
  const hot = () => open.evaluate<number>("(async () => { const start = performance.now(); await ask(); return performance.now() - start; })()");
  await new Promise((r) => setTimeout(r, 6000));
  console.log("hot", await hot(), await hot(), "workers", open.workers().length, made);
  const killed: number[] = [], peer: number[] = [];
  for (let i = 0; i < 13; i++) {
    await stopWorkers(open);
    const ms = await hot();
    if (i > 1) killed.push(ms);
    console.log("killed", ms.toFixed(0), "workers", open.workers().length, made);
    if (i > 1 && i < 8) {
      const { page, ms: t } = await visit(context, `${bench.site.url}/tfjs.html${query(M, "&from=indexeddb")}`);
      await page.close();
      peer.push(t);
    }
  }
  console.log("killed", median(killed).toFixed(0), "peer", median(peer).toFixed(0), (median(killed) / median(peer)).toFixed(2), "hot", await hot());
} finally {
  await bench.close();
}

/** The console page's style: system fonts, two palettes, one column down to 320 px. */
export const CONSOLE_STYLE = `
:root {
  --ink: #14212b; --soft: #566874; --line: #dde5ea; --ground: #f5f8fa; --card: #fff; --sea: #0a7ea4;
  --good: #12805c; --busy: #a35f00; --ended: #a12b2b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4edf2; --soft: #93a5b1; --line: #26343e; --ground: #0d151b; --card: #141f27; --sea: #4cc0e6;
    --good: #46cf9f; --busy: #e9a94a; --ended: #f08a8a;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 52rem; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { display: flex; align-items: center; gap: .6rem; margin: 0; font-size: 1.75rem; letter-spacing: -.02em; }
h1 svg { width: 1.75rem; fill: var(--sea); }
h2 { margin: 0; font-size: 1.15rem; overflow-wrap: anywhere; }
header p, .summary, .reason { color: var(--soft); }
header p { margin: .25rem 0 2rem; }
.card { margin: 1rem 0; padding: 1.1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
.reason { margin: .35rem 0 0; overflow-wrap: anywhere; }
ul { margin: .6rem 0 0; padding: 0; list-style: none; }
li { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; padding: .5rem 0; border-top: 1px solid var(--line); }
.version { color: var(--soft); font-size: .9rem; }
.version b { color: var(--ink); font-size: 1rem; font-variant-numeric: tabular-nums; }
.manifest { margin-left: auto; font-size: .9rem; }
span.manifest { color: var(--soft); }
li .reason { flex-basis: 100%; margin: 0; font-size: .9rem; }
.state { font-size: .8rem; font-weight: 600; white-space: nowrap; color: var(--busy); }
.state::before { content: ""; display: inline-block; width: .5rem; height: .5rem; margin-right: .4rem; border-radius: 50%; background: currentColor; }
.state.AVAILABLE { color: var(--good); }
.state.END { color: inherit; }
.state.failed { color: var(--ended); }
.label { padding: .05rem .5rem; border: 1px solid var(--line); border-radius: 1rem; font-size: .85rem; }
pre { margin: .9rem 0 0; padding: .65rem .85rem; background: var(--ground); border-radius: .5rem; overflow-x: auto; }
code { font: .85rem/1.5 ui-monospace, monospace; }
a { color: var(--sea); text-underline-offset: .2em; }
footer { margin-top: 2rem; }
nav { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; }
`;

/**
 * Looks for news every three seconds while someone looks; what is shown stays where the server is away. The service worker keeps
 * the page, so that it opens then too; for that alone it is asked, it holds no model.
 */
export const CONSOLE_SCRIPT = `
if (isSecureContext && "serviceWorker" in navigator) {
  import("/ashore/client.js").then(({ connect }) => connect({ models: [], persist: false })).catch(() => undefined);
}
setInterval(async () => {
  if (document.hidden || String(getSelection())) return;
  const answer = await fetch("/", { cache: "no-cache" }).catch(() => undefined);
  if (!answer || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [now, next] = [document.getElementById("main"), page.getElementById("main")];
  if (next && now.innerHTML !== next.innerHTML) now.replaceWith(next);
}, 3000);
`;

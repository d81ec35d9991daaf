import { describe, expect, test } from "vitest";
import { parseSync } from "vite";
import { impurities } from "./impurities.ts";
import { ROOMS, packageOf, roomOf, sourcesOf, type Source } from "./sources.ts";

/** Which rooms a room's files may import, besides their own. */
const MAY_IMPORT: Readonly<Record<(typeof ROOMS)[number], readonly string[]>> = {
  protocol: [],
  engine: ["protocol"],
  runtime: ["protocol", "engine"],
  browser: ["protocol", "engine", "runtime"],
  "service-worker": ["protocol", "engine", "runtime", "browser"],
  client: ["protocol", "engine", "runtime", "browser"],
  edge: ["protocol", "engine", "runtime"],
  "sync-server": ["protocol", "engine", "edge"],
  cli: ["protocol", "engine", "runtime", "edge", "sync-server"],
};

/** The order of the flow: a folder imports only what stands before it. */
const FLOW = ["trust", "sync", "store", "activate", "predict"];

const all = sourcesOf(...ROOMS);

/** `importer -> imported`, for every import of an own file that `wrong` says is wrong. */
function violations(sources: readonly Source[], wrong: (importer: string, imported: string) => boolean): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports.filter((imported) => wrong(path, imported)).map((imported) => `${path} -> ${imported}`),
  );
}

describe("law 1: imports point one way", () => {
  test.each(ROOMS)("%s", (room) => {
    const sources = all.filter(({ path }) => roomOf(path) === room);
    expect(sources, `${room}/ has sources to look at`).not.toEqual([]);
    const allowed = [room, ...MAY_IMPORT[room]];
    expect(violations(sources, (_, imported) => !allowed.includes(roomOf(imported)))).toEqual([]);
  });

  test("what a page loads knows the protocol alone; only its worker's script knows the runtime", () => {
    const page = all.filter(({ path }) => roomOf(path) === "client" && path !== "client/worker.ts");
    expect(violations(page, (_, imported) => !["client", "protocol"].includes(roomOf(imported)) || imported === "client/worker.ts")).toEqual([]);
  });

  test("only engine/ imports TensorFlow.js", () => {
    const importers = all.filter(({ externals }) => externals.some((specifier) => specifier.startsWith("@tensorflow/")));
    expect(importers.map(({ path }) => roomOf(path)).filter((room) => room !== "engine")).toEqual([]);
  });
});

describe("law 2: inside runtime/ a folder imports only what stands before it", () => {
  test.each(FLOW)("%s", (folder) => {
    const before = FLOW.slice(0, FLOW.indexOf(folder) + 1);
    const sources = all.filter(({ path }) => path.startsWith(`runtime/${folder}/`));
    expect(sources, `runtime/${folder}/ has sources to look at`).not.toEqual([]);
    const wrong = violations(sources, (_, imported) => {
      const [room, inner = ""] = imported.split("/");
      return room === "runtime" && inner !== "ports.ts" && !before.includes(inner);
    });
    expect(wrong).toEqual([]);
  });

  test("ports.ts knows no folder, and only runtime.ts and index.ts know them all", () => {
    const top = all.filter(({ path }) => /^runtime\/[^/]+$/.test(path));
    const known = (imports: readonly string[]) => FLOW.filter((folder) => imports.some((imported) => imported.startsWith(`runtime/${folder}/`)));
    expect(top.filter(({ path }) => path === "runtime/ports.ts").flatMap(({ imports }) => known(imports))).toEqual([]);
    const knowAll = top.filter(({ imports }) => known(imports).length === FLOW.length).map(({ path }) => path);
    expect(knowAll.filter((path) => !["runtime/runtime.ts", "runtime/index.ts"].includes(path))).toEqual([]);
  });
});

describe("law 3: what decides does no I/O and reads neither clock nor random", () => {
  const pure = all.filter(({ path }) => roomOf(path) === "protocol" || /\/(plan|policy)\.ts$/.test(path));

  test.each(pure)("$path", ({ program, externals }) => {
    expect(externals.filter((specifier) => specifier.startsWith("node:"))).toEqual([]);
    expect(impurities(program)).toEqual([]);
  });

  test("the law sees what it forbids", () => {
    const fixture = parseSync("fixture.ts", `
      export const late = () => [Date.now(), new Date(), performance.now(), Math.random(), crypto.getRandomValues(new Uint8Array(1))];
      export const out = async () => { await fetch("x"); setTimeout(() => {}, 1); process.exit(); globalThis.fetch("y"); };
      export const fine = (date: string) => [new Date(date), Date.parse(date), Math.max(1, 2), crypto.subtle];
    `);
    expect(impurities(fixture.program)).toEqual([
      "Date.now", "new Date()", "performance.now", "Math.random", "crypto.getRandomValues", "fetch()", "setTimeout()", "process.exit", "globalThis.fetch",
    ]);
  });
});

describe("the rooms whose code browsers run", () => {
  const ANYWHERE = ["valibot", "@tensorflow/tfjs-core", "@tensorflow/tfjs-converter", "@tensorflow/tfjs-backend-cpu", "@tensorflow/tfjs-backend-wasm", "@tensorflow/tfjs-backend-webgpu"];
  const PACKAGES: Partial<Record<(typeof ROOMS)[number], readonly string[]>> = {
    protocol: ANYWHERE,
    engine: ANYWHERE,
    runtime: ANYWHERE,
    browser: [...ANYWHERE, "idb-keyval"],
    "service-worker": ANYWHERE,
    client: ANYWHERE,
  };

  test.each(Object.entries(PACKAGES))("%s/ imports none of Node's modules, and only packages that run there", (room, packages) => {
    const imported = all.filter(({ path }) => roomOf(path) === room).flatMap(({ externals }) => externals.map(packageOf));
    expect([...new Set(imported)].filter((name) => !packages.includes(name))).toEqual([]);
  });
});

test("an index.ts exports and does nothing else", () => {
  const wrong = all
    .filter(({ path }) => path.endsWith("/index.ts"))
    .flatMap(({ path, program }) =>
      program.body
        .filter((statement) => statement.type !== "ExportAllDeclaration" && !(statement.type === "ExportNamedDeclaration" && statement.source !== null))
        .map(({ type }) => `${path}: ${type}`),
    );
  expect(wrong).toEqual([]);
});

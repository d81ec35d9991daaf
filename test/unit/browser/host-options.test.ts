import { describe, expect, test } from "vitest";
import { isWanted, readSettings, settingsAfterHello, settingsAfterRemoval, settingsAtStart, type HostSettings } from "../../../browser/host-options.ts";
import type { HostOptions } from "../../../protocol/messages.ts";
import { modelName, type ModelName } from "../../../protocol/names.ts";

const [A, B] = [modelName("a"), modelName("b")];
const SERVER = "https://models.example";
const asked = (more: Partial<HostOptions> = {}): HostOptions => ({ server: SERVER, models: [A], fallback: "none", ...more });
const settings = (more: Partial<HostSettings> = {}): HostSettings => ({ schemaVersion: 1, server: SERVER, models: [A], backends: undefined, fallback: "none", removed: [], syncedAt: undefined, ...more });
const many = (count: number, prefix: string): ModelName[] => Array.from({ length: count }, (_, at) => modelName(`${prefix}${at}`));

describe("after a hello", () => {
  test("models are a union, and all is all", () => {
    const one = settingsAfterHello(undefined, asked(), {});
    expect(one).toEqual(settings());
    expect(settingsAfterHello(one, asked({ models: [B, A] }), {}).models).toEqual([A, B]);
    expect(settingsAfterHello(one, asked({ models: "all" }), {}).models).toBe("all");
    expect(settingsAfterHello(settings({ models: "all" }), asked(), {}).models).toBe("all");
  });

  test("the last page's backends and fallback count, but for what the script says", () => {
    const before = settings({ backends: ["cpu"], fallback: "server" });
    expect(settingsAfterHello(before, asked(), {})).toMatchObject({ backends: undefined, fallback: "none" });
    expect(settingsAfterHello(before, asked({ backends: ["wasm"] }), { backends: ["cpu"], fallback: "server" })).toMatchObject({ backends: ["cpu"], fallback: "server" });
  });

  test("another server is a conflict; a slash more is none", () => {
    expect(() => settingsAfterHello(settings(), asked({ server: "https://other.example" }), {})).toThrow(expect.objectContaining({ code: "WORKER_CONFLICT" }) as Error);
    expect(settingsAfterHello(settings(), asked({ server: `${SERVER}/` }), {}).server).toBe(SERVER);
  });

  test("pages together may not ask for more models than a scope holds", () => {
    const full = settings({ models: many(256, "m") });
    expect(() => settingsAfterHello(full, asked(), {})).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }) as Error);
    expect(settingsAfterHello(full, asked({ models: many(256, "m") }), {}).models).toHaveLength(256);
  });
});

describe("a removed model", () => {
  test.each([
    { models: [A, B], left: [B] },
    { models: "all" as const, left: "all" },
  ])("of $models is not wanted until a page names it", ({ models, left }) => {
    const removed = settingsAfterRemoval(settings({ models }), A);
    expect(removed).toMatchObject({ models: left, removed: [A] });
    expect([isWanted(removed, A), isWanted(removed, B)]).toEqual([false, true]);
    expect(isWanted(settingsAfterHello(removed, asked({ models: [B] }), {}), A)).toBe(false);
    expect(isWanted(settingsAfterHello(removed, asked({ models: [A] }), {}), A)).toBe(true);
    expect(isWanted(settingsAfterHello(removed, asked({ models: "all" }), {}), A)).toBe(true);
  });

  test("stays away though the script names it", () => {
    expect(isWanted(settingsAtStart(settingsAfterRemoval(settings(), A), { models: [A] }) ?? settings(), A)).toBe(false);
  });
});

describe("at a start", () => {
  test("what was stored counts, with what the script adds", () => {
    expect(settingsAtStart(undefined, {})).toBeUndefined();
    expect(settingsAtStart(settings({ syncedAt: 5 }), { models: [B], fallback: "server" })).toEqual(settings({ models: [A, B], fallback: "server", syncedAt: 5 }));
    expect(settingsAtStart(undefined, { server: SERVER })).toEqual(settings({ models: [] }));
  });

  test("a script that names another server than was stored begins anew", () => {
    expect(settingsAtStart(settings({ syncedAt: 5 }), { server: "https://other.example", models: [B] })).toEqual(settings({ server: "https://other.example", models: [B] }));
  });

  test.each([undefined, null, {}, { ...settings(), schemaVersion: 2 }, { ...settings(), server: "/relative" }, { ...settings(), models: ["no/name"] }])("what is no settings counts as nothing: %j", (stored) => {
    expect(readSettings(stored)).toBeUndefined();
  });

  test("settings survive being stored", () => {
    const full = settings({ models: "all", backends: ["webgpu", "cpu"], removed: [B], syncedAt: 7 });
    expect(readSettings(structuredClone(full))).toEqual(full);
  });
});

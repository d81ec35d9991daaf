import { describe, expect, test } from "vitest";
import { digestOfHex, type Digest } from "../../../protocol/digest.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { TargetInfo } from "../../../protocol/serving-config.ts";
import type { InferenceTimes, Journal } from "../../../runtime/ports.ts";
import { commitVersion, emptyJournal, forgetModel, forgetVersion, journalOf, markFailed, markProved, markServed, markTimes, parseJournal, resetTrust, setConfig } from "../../../runtime/store/index.ts";

const SECRET = "00112233445566778899aabbccddeeff";
const DIGITS = modelName("digits");
const OTHER = modelName("other");
const hex = (n: number): string => n.toString(16).padStart(64, "0");
const target = (n: number): TargetInfo => ({ sha256: hex(n), length: n });
const digest = (n: number): Digest => digestOfHex(hex(n));

describe("what the journal says", () => {
  const empty = emptyJournal(SECRET);

  test("versions held, in ascending order, each once", () => {
    let journal = commitVersion(empty, DIGITS, version(10), target(10));
    journal = commitVersion(journal, DIGITS, version(2), target(2));
    journal = commitVersion(journal, DIGITS, version(10), target(11));
    expect(journalOf(journal, DIGITS).held).toEqual([{ version: 2, manifest: target(2) }, { version: 10, manifest: target(11) }]);
    expect(journalOf(forgetVersion(journal, DIGITS, version(2)), DIGITS).held).toEqual([{ version: 10, manifest: target(11) }]);
    expect(empty.models).toEqual({});
  });

  test("models apart from one another", () => {
    const journal = markServed(commitVersion(empty, DIGITS, version(1), target(1)), OTHER, version(2), 7);
    expect(journalOf(journal, OTHER)).toEqual({ config: null, held: [], served: { version: 2, metadataVersion: 7 }, failed: [] });
    expect(Object.keys(forgetModel(journal, DIGITS).models)).toEqual(["other"]);
  });

  test("failed digests, the oldest forgotten first, each once", () => {
    let journal = empty;
    for (let n = 0; n < LIMITS.failedDigests + 3; n++) journal = markFailed(journal, DIGITS, digest(n));
    journal = markFailed(journal, DIGITS, digest(5));
    const { failed } = journalOf(journal, DIGITS);
    expect(failed.length).toBe(LIMITS.failedDigests);
    expect([failed[0], failed.at(-1)]).toEqual([digest(3), digest(5)]);
    expect(new Set(failed).size).toBe(failed.length);
  });

  test("another root drops what the old chain said, and keeps what is held", () => {
    const before = setConfig(markServed(commitVersion(empty, DIGITS, version(1), target(1)), DIGITS, version(1), 3), DIGITS, target(9), 4);
    expect(journalOf(resetTrust(before), DIGITS)).toEqual({ config: null, served: null, held: [{ version: 1, manifest: target(1) }], failed: [] });
  });

  test("what inferences take, written again only where it was off by more than a factor of two", () => {
    const held = commitVersion(empty, DIGITS, version(1), target(1));
    const times = (journal: Journal): unknown => journalOf(journal, DIGITS).held[0]?.inferenceMs;
    const mark = (journal: Journal, marks: InferenceTimes): Journal => markTimes(journal, DIGITS, version(1), digest(1), marks);
    const known = mark(held, { wasm: 100 });
    expect(times(known)).toEqual({ wasm: 100 });
    for (const ms of [50, 100, 200]) expect(mark(known, { wasm: ms })).toBe(known);
    for (const ms of [49, 201, null]) expect(times(mark(known, { wasm: ms }))).toEqual({ wasm: ms });
    const unfit = mark(known, { webgpu: null });
    expect(times(unfit)).toEqual({ wasm: 100, webgpu: null });
    expect(mark(unfit, { webgpu: null, wasm: 120 })).toBe(unfit);
    expect(times(mark(unfit, { webgpu: 7, wasm: 120 }))).toEqual({ wasm: 100, webgpu: 7 });
    expect(parseJournal(JSON.parse(JSON.stringify(unfit)))).toEqual(unfit);
  });

  test("nothing of a version that is not held, or is another by now", () => {
    const held = commitVersion(empty, DIGITS, version(1), target(1));
    expect(markTimes(held, DIGITS, version(1), digest(2), { wasm: 1 })).toBe(held);
    expect(markTimes(held, OTHER, version(1), digest(1), { wasm: 1 })).toBe(held);
    expect(markProved(held, OTHER, version(1), "wasm")).toBe(held);
  });

  test("a model by the name of an object's member is a model like any other", () => {
    expect(journalOf(empty, modelName("constructor")).held).toEqual([]);
    const journal = commitVersion(empty, modelName("constructor"), version(1), target(1));
    expect(journalOf(parseJournal(JSON.parse(JSON.stringify(journal))), modelName("constructor")).held.length).toBe(1);
  });
});

describe("a stored journal", () => {
  const journal = commitVersion(emptyJournal(SECRET), DIGITS, version(3), target(3));
  const stored = (): Record<string, unknown> => JSON.parse(JSON.stringify(journal)) as Record<string, unknown>;

  test("is read as it was", () => expect(parseJournal(stored())).toEqual(journal));

  test.each<[string, unknown, string]>([
    ["of a later Ashore", { ...stored(), schemaVersion: 2 }, "STORE_NEWER"],
    ["of a much later Ashore, with nothing we know", { schemaVersion: 9, everything: "changed" }, "STORE_NEWER"],
    ["without a schema version", { ...stored(), schemaVersion: undefined }, "STORE_CORRUPT"],
    ["with another secret", { ...stored(), installSecret: "x" }, "STORE_CORRUPT"],
    ["with a model that has no name", { ...stored(), models: { "../x": { config: null, held: [], served: null, failed: [] } } }, "STORE_CORRUPT"],
    ["with a version that is none", { ...stored(), models: { digits: { config: null, held: [{ version: 0, manifest: target(1) }], served: null, failed: [] } } }, "STORE_CORRUPT"],
    ["with a digest that is none", { ...stored(), models: { digits: { config: null, held: [], served: null, failed: ["sha256:abc"] } } }, "STORE_CORRUPT"],
    ["that is no object", [], "STORE_CORRUPT"],
    ["that is nothing", null, "STORE_CORRUPT"],
  ])("%s is refused", (_, value, code) => {
    expect(() => parseJournal(value)).toThrow(expect.objectContaining({ code }) as Error);
  });
});

import { describe, expect, test } from "vitest";
import { version } from "../../../protocol/names.ts";
import { availabilityPreserving, resourcePreserving, type Snapshot, type TransitionPolicy } from "../../../runtime/activate/index.ts";

/** `3+new`: version 3, aspired and new; `-` for not aspired, `!` for blocked, `@` for not aspired but pinned by a label. */
function snapshots(text: string): Snapshot[] {
  return text.split(" ").map((word) => {
    const [, number, mark, phase] = /^(\d+)([-+!@])(new|busy|ready|ended)$/.exec(word) ?? [];
    return { version: version(Number(number)), phase: phase as Snapshot["phase"], aspired: mark === "+", blocked: mark === "!", pinned: mark === "@" };
  });
}

function next(policy: TransitionPolicy, text: string): string {
  const action = policy(snapshots(text));
  return action === undefined ? "nothing" : `${action.kind} ${action.version}`;
}

describe("availability-preserving", () => {
  test.each([
    ["a new version is loaded while the old one serves", "1-ready 2+new", "load 2"],
    ["the old one is kept until the new one is ready", "1-ready 2+busy", "nothing"],
    ["the old one goes when the new one is ready", "1-ready 2+ready", "unload 1"],
    ["the old one stays for ever if the new one failed", "1-ready 2+ended", "nothing"],
    ["of two old ones the lower goes at once", "1-ready 2-ready 3+new", "unload 1"],
    ["the highest new one is loaded first", "3+new 1+new 2+new", "load 3"],
    ["one load at a time", "1+new 3+busy", "nothing"],
    ["a load that is not wanted any more does not hold up the next", "1+new 3-busy", "load 1"],
    ["with nothing aspired, everything goes, the lowest first", "2-ready 1-ready", "unload 1"],
    ["the last one goes too, when nothing is aspired", "2-ready", "unload 2"],
    ["a revert keeps the newer one until the older is ready", "3-ready 2+new", "load 2"],
    ["and then lets it go", "3-ready 2+ready", "unload 3"],
    ["a blocked version goes at once, though nothing else can answer", "3!ready 2+new", "unload 3"],
    ["a blocked version goes before a new one is loaded", "3!ready 2+busy 1-ready", "unload 3"],
    ["a blocked version is never loaded", "3!new", "nothing"],
    ["a version that a label still answers from stays", "1@ready 2+ready", "nothing"],
    ["and does not make a second old one wait", "1@ready 2-ready 3+ready", "unload 2"],
  ])("%s", (_, before, expected) => {
    expect(next(availabilityPreserving, before)).toBe(expected);
  });
});

describe("resource-preserving", () => {
  test.each([
    ["the old one goes before the new one is loaded", "1-ready 2+new", "unload 1"],
    ["the new one waits until the old one is really gone", "1-busy 2+new", "nothing"],
    ["and is loaded then", "1-ended 2+new", "load 2"],
    ["a blocked version goes first", "2!ready 1-ready 3+new", "unload 2"],
  ])("%s", (_, before, expected) => {
    expect(next(resourcePreserving, before)).toBe(expected);
  });
});

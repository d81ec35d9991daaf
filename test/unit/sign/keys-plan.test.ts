import { describe, expect, test } from "vitest";
import { modelName } from "../../../protocol/names.ts";
import { planKeys, type DelegationsJson, type KeyRequest, type RootJson } from "../../../sync-server/sign/keys-plan.ts";

const id = (name: string): string => name.repeat(64).slice(0, 64);
const key = (name: string) => ({ keyid: id(name), public: { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", public: `public ${name}` } });
const listed = (...names: string[]) => Object.fromEntries(names.map((name) => [id(name), { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: `public ${name}` } }]));
const role = (threshold: number, ...names: string[]) => ({ keyids: names.map(id), threshold });

const root: RootJson = { keys: listed("a", "b", "c", "d"), roles: { root: role(2, "a", "b"), targets: role(1, "c"), snapshot: role(1, "d"), timestamp: role(1, "d") } };
const delegations: DelegationsJson = {
  keys: listed("p", "s"),
  roles: [{ name: "publisher", ...role(1, "p") }, { name: "serving", ...role(1, "s") }],
};
const plan = (request: KeyRequest) => planKeys(root, delegations, request);

describe("what is changed", () => {
  test("a key is added, and the threshold stays", () => {
    expect(plan({ kind: "add", role: "root", key: key("e") })).toEqual({ role: "root", root: { keys: listed("a", "b", "c", "d", "e"), roles: { ...root.roles, root: role(2, "a", "b", "e") } } });
  });

  test("a key is replaced in its place, and leaves the list", () => {
    expect(plan({ kind: "rotate", role: "targets", key: key("e") })).toMatchObject({ root: { keys: listed("a", "b", "d", "e"), roles: { targets: role(1, "e") } } });
    expect(plan({ kind: "rotate", role: "root", keyid: "aaaaaa", key: key("e") })).toMatchObject({ root: { roles: { root: role(2, "e", "b") } } });
  });

  test("a key that another role uses stays listed", () => {
    expect(plan({ kind: "rotate", role: "timestamp", key: key("e") })).toMatchObject({ root: { keys: listed("a", "b", "c", "d", "e"), roles: { snapshot: role(1, "d"), timestamp: role(1, "e") } } });
  });

  test("a delegated role's keys are the delegations' affair", () => {
    expect(plan({ kind: "rotate", role: "serving", key: key("e") })).toEqual({ role: "serving", delegations: { keys: listed("p", "e"), roles: [delegations.roles[0], { name: "serving", ...role(1, "e") }] } });
  });

  test("a model's publisher is asked before the development publisher, and ends the search", () => {
    const { delegations: next } = plan({ kind: "delegate", model: modelName("digits"), keys: [key("x"), key("y")], threshold: 2 }) as { delegations: DelegationsJson };
    expect(next.roles.map(({ name }) => name)).toEqual(["publisher-digits", "publisher", "serving"]);
    expect(next.roles[0]).toEqual({ name: "publisher-digits", ...role(2, "x", "y"), terminating: true, paths: ["models/digits/*/manifest.json"] });
    expect(next.keys).toEqual(listed("p", "s", "x", "y"));
  });
});

describe("what is refused", () => {
  test.each<[string, string, RegExp, KeyRequest]>([
    ["a root short of its own threshold", "FAILED_PRECONDITION", /"root" would have 1 key where 2 must sign/, { kind: "revoke", role: "root", keyid: id("a") }],
    ["a role without keys", "FAILED_PRECONDITION", /"serving" would have 0 keys/, { kind: "revoke", role: "serving", keyid: id("s") }],
    ["a threshold above the number of keys", "FAILED_PRECONDITION", /"targets" would have 1 key where 2/, { kind: "threshold", role: "targets", threshold: 2 }],
    ["a threshold of none", "USAGE", /from 1/, { kind: "threshold", role: "root", threshold: 0 }],
    ["a role that is not there", "NOT_FOUND", /there are root, .*serving/, { kind: "threshold", role: "nobody", threshold: 1 }],
    ["a key that is not the role's", "NOT_FOUND", /No key/, { kind: "revoke", role: "root", keyid: id("c") }],
    ["too little of a key's id", "NOT_FOUND", /No key aaa/, { kind: "revoke", role: "root", keyid: "aaa" }],
    ["a key that signs already", "ALREADY_EXISTS", /signs for "root" already/, { kind: "add", role: "root", key: key("a") }],
    ["a key to replace that could be several", "USAGE", /which one/, { kind: "rotate", role: "root", key: key("e") }],
    ["a publisher below its threshold", "FAILED_PRECONDITION", /would have 1 key where 2/, { kind: "delegate", model: modelName("m"), keys: [key("x")], threshold: 2 }],
    ["one key twice", "USAGE", /named twice/, { kind: "delegate", model: modelName("m"), keys: [key("x"), key("x")], threshold: 2 }],
  ])("%s", (_, code, message, request) => {
    expect(() => plan(request)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as unknown }));
  });

  test("two ids that start alike", () => {
    const alike = { ...root, roles: { ...root.roles, root: { keyids: ["abcdef1", "abcdef2"], threshold: 1 } } };
    expect(() => planKeys(alike, delegations, { kind: "revoke", role: "root", keyid: "abcdef" })).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  test("a second delegation of a model", () => {
    const { delegations: next } = plan({ kind: "delegate", model: modelName("m"), keys: [key("x")], threshold: 1 }) as { delegations: DelegationsJson };
    expect(() => planKeys(root, next, { kind: "delegate", model: modelName("m"), keys: [key("y")], threshold: 1 })).toThrow(expect.objectContaining({ code: "ALREADY_EXISTS" }));
  });
});

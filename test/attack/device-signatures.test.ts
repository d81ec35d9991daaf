import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { encode, keyJson, sha256, signedBy, testKey, type Bytes, type Signed, type TestKey } from "../unit/tuf/test-repository.ts";
import { goesOn, heals, makeGoods, refuses, Scene, type Goods } from "./scene.ts";

/** A whole device under attack by who holds some keys and not others; see device-network.test.ts. */
let goods: Goods;
let scene: Scene;

beforeAll(async () => {
  goods = await makeGoods();
});
beforeEach(async () => {
  scene = await Scene.open(goods);
});
afterEach(() => scene.close());

interface RoleKeys {
  name?: string;
  keyids: string[];
  threshold: number;
}
interface Delegations {
  keys: Record<string, unknown>;
  roles: (RoleKeys & { name: string })[];
}

const ROLES = ["root", "timestamp", "snapshot", "targets", "publisher", "serving"] as const;
const TOP_LEVEL: readonly string[] = ["root", "timestamp", "snapshot", "targets"];
const delegations = (): Delegations => scene.repository.of("targets")["delegations"] as Delegations;

/** Offers version 3 in metadata whose role `role` is signed as `sign` says, the rest as it should be. */
function offerSigned(role: string, sign: (signed: Signed) => Bytes): void {
  const { repository } = scene;
  scene.offer(3);
  const order = ["root", "targets", "publisher", "serving", "snapshot", "timestamp"];
  for (const one of order) {
    if (one !== role) repository.publish(one);
    else {
      repository.of(role).version++;
      repository.serve(role, sign(repository.of(role)));
    }
  }
}

/** The role's next version, as it should have been signed: what was refused under its number is not asked for again. */
async function honestly(role: string): Promise<void> {
  if (role === "root") {
    // A root that nobody may take cannot be followed by another; the right one takes its place.
    scene.repository.of("root").version--;
  }
  await heals(scene, ...(role === "root" || role === "targets" ? [role] : []));
}

/** What the keys of a role are, said by whoever says so. */
async function grant(role: string, keys: readonly TestKey[], threshold: number): Promise<void> {
  const { repository, device } = scene;
  repository.keys.set(role, [...keys]);
  if (TOP_LEVEL.includes(role)) {
    (repository.of("root")["roles"] as Record<string, { threshold: number }>)[role] = { threshold };
    repository.publish("root");
  } else {
    const parent = delegations();
    parent.roles = parent.roles.filter(({ name }) => name !== role);
    repository.delegate(role, role === "serving" ? ["serving/*.json"] : ["models/*/*/manifest.json"]);
    for (const delegation of delegations().roles) if (delegation.name === role) delegation.threshold = threshold;
  }
  repository.publish(...ROLES.filter((one) => one !== "root" && one !== "snapshot" && one !== "timestamp"), "snapshot", "timestamp");
  await device.runtime.sync();
}

describe("signatures", () => {
  test.each(ROLES)("of nobody, on %s", async (role) => {
    offerSigned(role, (signed) => encode({ signatures: [], signed }));
    await refuses(scene, "METADATA_UNSIGNED");
    await honestly(role);
  });

  test.each(ROLES)("of other keys, also under the name of the right one, on %s", async (role) => {
    const wrong = await testKey("ed25519");
    const [right] = scene.repository.keysOf(role);
    offerSigned(role, (signed) => signedBy(signed, [wrong, { ...wrong, keyid: right?.keyid ?? "" }]));
    await refuses(scene, "METADATA_UNSIGNED");
    await honestly(role);
  });

  test.each(ROLES)("of every role's key but the right one's, on %s", async (role) => {
    offerSigned(role, (signed) => signedBy(signed, ROLES.filter((one) => one !== role).flatMap((one) => scene.repository.keysOf(one))));
    await refuses(scene, "METADATA_UNSIGNED");
    await honestly(role);
  });

  test.each(ROLES)("of one key of the two that must sign %s", async (role) => {
    const keys = [await testKey("ed25519"), await testKey("ed25519"), await testKey("ed25519")] as const;
    if (role === "root") scene.repository.keys.set("root", [...scene.repository.keysOf("root"), ...keys]);
    await grant(role, role === "root" ? scene.repository.keysOf("root") : keys, 2);
    offerSigned(role, (signed) => signedBy(signed, [keys[1]]));
    await refuses(scene, "METADATA_UNSIGNED");
    await honestly(role);
  });

  test.each(ROLES)("of one key, twice under one id, on %s", async (role) => {
    const keys = [...scene.repository.keysOf(role), await testKey("ed25519")];
    await grant(role, keys, 2);
    offerSigned(role, (signed) => signedBy(signed, [keys[0]!, keys[0]!])); // a role has a key
    await refuses(scene, "METADATA_MALFORMED");
    await honestly(role);
  });

  test.each(ROLES.filter((role) => role !== "root"))("of one key, under two ids that the delegator gave it, on %s", async (role) => {
    const [key] = scene.repository.keysOf(role);
    if (key === undefined) throw new Error("no key");
    const two = [key, { ...key, keyid: "its-other-id" }];
    await expect(grant(role, two, 2)).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
    await refuses(scene, "METADATA_UNSIGNED");
    scene.repository.keys.set(role, [key, await testKey("ed25519")]);
    await grant(role, scene.repository.keysOf(role), 2);
    await heals(scene);
  });

  test.each<[string, (current: readonly TestKey[], next: TestKey) => { readonly named: readonly TestKey[]; readonly threshold: number; readonly by: readonly TestKey[] }]>([
    ["its own new key alone", (_, next) => ({ named: [next], threshold: 1, by: [next] })],
    ["the key before alone, though it names another", (current, next) => ({ named: [next], threshold: 1, by: current })],
    ["fewer keys than it asks for itself", (current, next) => ({ named: [...current, next], threshold: 2, by: current })],
    ["keys that the root before does not know, as many as it asks for", (current, next) => ({ named: [...current, next], threshold: 1, by: [next] })],
  ])("of %s, on the next root", async (_, plan) => {
    const { repository } = scene;
    const { named, threshold, by } = plan(repository.keysOf("root"), await testKey("ed25519"));
    const next = structuredClone(repository.of("root")) as Signed & { keys: Record<string, unknown>; roles: Record<string, object> };
    for (const key of named) next.keys[key.keyid] = keyJson(key);
    next.roles["root"] = { keyids: named.map(({ keyid }) => keyid), threshold };
    next.version++;
    const bytes = signedBy(next, by);
    repository.fault = (path) => (path === `metadata/${next.version}.root.json` ? new Response(bytes) : undefined);
    repository.publish("timestamp");
    await refuses(scene, "METADATA_UNSIGNED");
    await heals(scene);
  });

  test("that a delegator counts twice, by naming a key twice", async () => {
    const publisher = delegations().roles.find(({ name }) => name === "publisher");
    if (publisher === undefined) throw new Error("no publisher");
    const { keyids } = publisher;
    publisher.keyids = [...keyids, ...keyids];
    publisher.threshold = 2;
    scene.repository.publishTargets("targets");
    await refuses(scene, "METADATA_MALFORMED");
    publisher.keyids = keyids;
    publisher.threshold = 1;
    await heals(scene, "targets");
  });

  test("over a threshold of none", async () => {
    const publisher = delegations().roles.find(({ name }) => name === "publisher");
    if (publisher === undefined) throw new Error("no publisher");
    publisher.threshold = 0;
    scene.repository.publishTargets("targets");
    await refuses(scene, "METADATA_MALFORMED");
    publisher.threshold = 1;
    await heals(scene, "targets");
  });
});

/** Version 3 was offered in vain: it is told why, once, and what is held goes on. */
async function isNotTaken(code: string): Promise<void> {
  for (const again of [false, true]) {
    if (again) await scene.restart();
    await scene.device.runtime.sync();
    await scene.device.runtime.sync();
    await goesOn(scene);
    expect(scene.device.events.flatMap((event) => (event.type === "problem" && event.version === 3 ? [event.error.code] : []))).toEqual([code]);
  }
}

describe("a publisher", () => {
  /** A role of its own for each model, as `keys delegate` writes it. */
  async function ownRoles(...models: readonly string[]): Promise<void> {
    const { repository, device } = scene;
    for (const model of models) {
      const role = `publisher-${model}`;
      repository.keys.set(role, [await testKey("ed25519")]);
      repository.signed.set(role, { _type: "targets", spec_version: "1.0.34", version: 0, expires: repository.of("publisher").expires, targets: {} });
      repository.delegate(role, [`models/${model}/*/manifest.json`]);
      // Before the development role.
      const { roles } = delegations();
      roles.unshift(...roles.splice(-1));
    }
    for (const version of [1, 2]) scene.offer(version, { role: "publisher-line" });
    repository.publishTargets("targets", ...models.map((model) => `publisher-${model}`), "serving");
    await device.runtime.sync();
    await goesOn(scene);
  }

  test("whose key the root of delegations took away signs no more, and what it signed before is not taken anew", async () => {
    const { repository } = scene;
    const revoked = repository.keysOf("publisher");
    await grant("publisher", [await testKey("ed25519")], 1);
    const honest = repository.keysOf("publisher");
    repository.keys.set("publisher", revoked);
    scene.offer(3);
    repository.publishTargets("publisher", "serving");
    await refuses(scene, "METADATA_UNSIGNED");
    repository.keys.set("publisher", honest);
    await heals(scene);
  });

  test("whose role is gone has its held version go on, and no new one taken", async () => {
    const { repository } = scene;
    const parent = delegations();
    const { roles } = parent;
    parent.roles = roles.filter(({ name }) => name !== "publisher");
    scene.offer(3);
    repository.publishTargets("targets", "publisher", "serving");
    await isNotTaken("TARGET_NOT_FOUND");
    parent.roles = roles;
    await heals(scene, "targets");
  });

  test("that signs for another's model is not asked", async () => {
    await ownRoles("line", "curve");
    const { repository } = scene;
    scene.offer(3, { role: "publisher-curve" });
    repository.publishTargets("publisher-curve", "serving");
    await isNotTaken("TARGET_NOT_FOUND");
    scene.offer(3, { role: "publisher-line" });
    await heals(scene, "publisher-line");
  });

  test("that lost its model to another is not asked: a terminating role's word is the last", async () => {
    await ownRoles("line");
    scene.offer(3, { role: "publisher" });
    scene.repository.publishTargets("publisher", "serving");
    await isNotTaken("TARGET_NOT_FOUND");
    scene.offer(3, { role: "publisher-line" });
    await heals(scene, "publisher-line");
  });
});

describe("a serving config", () => {
  test.each<[string, () => { sha256: string; length: number }]>([
    ["other bytes than the publisher signed for", () => ({ sha256: "f".repeat(64), length: 1000 })],
    ["another version's manifest", () => {
      const text = encode(goods.manifestText("line", 1));
      return { sha256: sha256(text), length: text.length };
    }],
    ["another length", () => {
      const text = encode(goods.manifestText("line", 3));
      return { sha256: sha256(text), length: text.length + 1 };
    }],
  ])("that offers %s gets no version taken", async (_, info) => {
    const { repository } = scene;
    scene.offer(3);
    scene.serve(3, info());
    repository.publishTargets("publisher", "serving");
    await isNotTaken("METADATA_MISMATCH");
    expect(repository.requests.filter((path) => path.startsWith("targets/models/line/3/"))).toEqual([]);
    await heals(scene);
  });

  test("signed under the name of another model", async () => {
    const { repository } = scene;
    scene.offer(1, { model: "curve" });
    const curve = (repository.of("serving")["targets"] as Record<string, object>)["serving/curve.json"];
    (repository.of("serving")["targets"] as Record<string, object | undefined>)["serving/line.json"] = curve;
    delete (repository.of("serving")["targets"] as Record<string, object>)["serving/curve.json"];
    const content = [...repository.files].find(([path]) => path.endsWith(".curve.json") && path.startsWith("targets/serving/"));
    if (content === undefined) throw new Error("no config");
    repository.files.set(content[0].replace(".curve.json", ".line.json"), content[1]);
    repository.publishTargets("publisher", "serving");
    await refuses(scene, "METADATA_MISMATCH");
    await heals(scene);
  });

  test("whose role the online thief may sign, for a path that is not the role's", async () => {
    const { repository } = scene;
    // The serving role signs for a manifest itself: nobody delegates that to it.
    scene.offer(3, { role: "serving" });
    repository.publishTargets("serving");
    await isNotTaken("TARGET_NOT_FOUND");
    await heals(scene);
  });
});

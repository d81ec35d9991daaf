import { beforeEach, describe, expect, test } from "vitest";
import { createTrust, type Trust } from "../../runtime/trust/index.ts";
import { DAY, encode, MemoryRecords, SERVER, signedBy, testKey, TestClock, TestRepository, type Bytes } from "../unit/tuf/test-repository.ts";

/**
 * Attacks on signed metadata, each by somebody who holds the network and now and then a key. Every one ends the same way:
 * a typed refusal, what was trusted before still trusted and still stored, and the next honest answer taken.
 */
let repository: TestRepository;
let store: MemoryRecords;
let clock: TestClock;
let trust: Trust;

beforeEach(async () => {
  repository = await TestRepository.create();
  repository.setTarget("serving", "serving/digits.json", "first");
  repository.publishTargets("serving");
  store = new MemoryRecords();
  clock = new TestClock();
  trust = restarted();
  await trust.poll();
  await trust.find("serving/digits.json");
});

function restarted(): Trust {
  return createTrust({ server: SERVER, fetch: repository.fetch, clock, store });
}

/** Other bytes than those named; a signature's length varies by a byte or two, and what is too long is refused before it is hashed. */
const OTHER_BYTES = /^(METADATA_MISMATCH|LIMIT_EXCEEDED)$/;

/** The attack is refused with `code` by a running device and by a restarted one; nothing that it sent is stored. */
async function refuses(code: string | RegExp, poll: (device: Trust) => Promise<unknown> = (device) => device.poll()): Promise<void> {
  const before = await trust.find("serving/digits.json");
  for (const device of [trust, restarted()]) {
    await expect(poll(device)).rejects.toMatchObject({ code: typeof code === "string" ? code : expect.stringMatching(code) as unknown });
  }
  expect(await trust.find("serving/digits.json")).toEqual(before);
  const offline = restarted();
  await offline.load();
  expect(await offline.find("serving/digits.json")).toEqual(before);
}

/** The repository's next honest state is taken. */
async function heals(): Promise<void> {
  repository.fault = undefined;
  repository.setTarget("serving", "serving/digits.json", `honest ${repository.of("serving").version}`);
  repository.publishTargets("serving");
  const expected = repository.of("serving").version;
  await trust.poll();
  expect(await trust.find("serving/digits.json")).toMatchObject({ roleVersion: expected });
  expect(await restarted().poll()).toMatchObject({ versions: { timestamp: repository.of("timestamp").version } });
}

const sending = (name: string, bytes: Bytes): void => {
  repository.fault = (path) => (path === `metadata/${name}` ? new Response(bytes) : undefined);
};

describe("rollback", () => {
  test("of the timestamp", async () => {
    const old = repository.file("timestamp");
    repository.publishTargets("serving");
    await trust.poll();
    sending("timestamp.json", old);
    await refuses("METADATA_ROLLBACK");
    await heals();
  });

  test("of the snapshot, by a thief of the timestamp key", async () => {
    const oldSnapshot = repository.of("timestamp")["meta"];
    repository.publishTargets("serving");
    await trust.poll();
    await trust.find("serving/digits.json");
    const honest = repository.of("timestamp")["meta"];
    repository.of("timestamp")["meta"] = oldSnapshot;
    repository.publish("timestamp");
    await refuses("METADATA_ROLLBACK");
    repository.of("timestamp")["meta"] = honest;
    await heals();
  });

  test("of a role, by a thief of timestamp and snapshot keys", async () => {
    const old = (repository.of("snapshot")["meta"] as Record<string, unknown>)["serving.json"];
    repository.publishTargets("serving");
    await trust.poll();
    await trust.find("serving/digits.json");
    repository.of("snapshot")["meta"] = { ...(repository.of("snapshot")["meta"] as object), "serving.json": old };
    repository.publish("snapshot", "timestamp");
    await refuses("METADATA_ROLLBACK");
    await heals();
  });

  test("of the targets role", async () => {
    const old = (repository.of("snapshot")["meta"] as Record<string, unknown>)["targets.json"];
    repository.publishTargets("targets");
    await trust.poll();
    await trust.find("serving/digits.json");
    repository.of("snapshot")["meta"] = { ...(repository.of("snapshot")["meta"] as object), "targets.json": old };
    repository.publish("snapshot", "timestamp");
    await refuses("METADATA_ROLLBACK");
    repository.publishTargets("targets");
    await heals();
  });

  test("by leaving a role out of the snapshot", async () => {
    const { "publisher.json": _, ...rest } = repository.of("snapshot")["meta"] as Record<string, unknown>;
    const whole = repository.of("snapshot")["meta"];
    repository.of("snapshot")["meta"] = rest;
    repository.publish("snapshot", "timestamp");
    await refuses("METADATA_ROLLBACK");
    repository.of("snapshot")["meta"] = whole;
    await heals();
  });
});

describe("freeze", () => {
  test.each(["timestamp", "snapshot", "targets"])("an expired %s", async (role) => {
    const until = repository.of(role).expires;
    repository.of(role).expires = "2029-12-31T23:59:59Z";
    if (role === "targets") repository.publishTargets("targets");
    else repository.publish(...(role === "snapshot" ? ["snapshot", "timestamp"] : ["timestamp"]));
    await refuses("METADATA_EXPIRED");
    repository.of(role).expires = until;
    if (role === "targets") repository.publish("targets");
    await heals();
  });

  test("an expired delegated role", async () => {
    repository.of("serving").expires = "2029-12-31T23:59:59Z";
    repository.publishTargets("serving");
    await trust.poll();
    await expect(trust.find("serving/digits.json")).rejects.toMatchObject({ code: "METADATA_EXPIRED" });
    repository.of("serving").expires = "2030-01-20T00:00:00Z";
    await heals();
  });

  test("an expired root ends updating until a new one comes", async () => {
    repository.of("root").expires = "2030-01-05T00:00:00Z";
    repository.publish("root");
    repository.of("timestamp").expires = "2030-02-01T00:00:00Z";
    repository.publish("timestamp");
    await trust.poll();
    clock.advance(5 * DAY);
    await refuses("METADATA_EXPIRED");
    repository.of("root").expires = "2031-01-01T00:00:00Z";
    repository.publish("root");
    await heals();
  });

  test("a timestamp that runs out between two whole updates", async () => {
    repository.of("timestamp").expires = "2030-01-01T10:00:00Z";
    repository.publish("timestamp");
    await trust.poll();
    clock.advance(11 * 3_600_000);
    await refuses("METADATA_EXPIRED");
    repository.of("timestamp").expires = "2030-01-03T00:00:00Z";
    await heals();
  });

  test("the news held back for ever", async () => {
    clock.advance(DAY);
    await refuses("METADATA_EXPIRED");
    clock.advance(-DAY);
    await heals();
  });
});

describe("mix and match", () => {
  test("a new timestamp with the snapshot before", async () => {
    const old = repository.file("snapshot");
    repository.publishTargets("serving");
    sending("3.snapshot.json", old);
    await refuses(OTHER_BYTES);
    await heals();
  });

  test("a new snapshot with a role's metadata before", async () => {
    const old = repository.file("serving");
    repository.setTarget("serving", "serving/digits.json", "other");
    repository.publishTargets("serving");
    sending("3.serving.json", old);
    await trust.poll();
    await expect(trust.find("serving/digits.json")).rejects.toMatchObject({ code: expect.stringMatching(/METADATA_MISMATCH|LIMIT_EXCEEDED/) as unknown });
    await heals();
  });

  test("two statements of a role under one version: only the one that the snapshot names is taken", async () => {
    repository.setTarget("serving", "serving/digits.json", "named");
    repository.publishTargets("serving");
    const other = structuredClone(repository.of("serving")) as ReturnType<TestRepository["of"]> & { targets: Record<string, { length: number }> };
    // As long as the named one, so that its length gives nothing away.
    other.targets["serving/digits.json"] = { ...other.targets["serving/digits.json"], length: 9 };
    let bytes = signedBy(other, repository.keysOf("serving"));
    // A DER signature has one of a few lengths.
    while (bytes.length !== repository.file("serving").length) bytes = signedBy(other, repository.keysOf("serving"));
    sending("3.serving.json", bytes);
    await trust.poll();
    await expect(trust.find("serving/digits.json")).rejects.toMatchObject({ code: "METADATA_MISMATCH" });
    await heals();
  });

  test("a snapshot that is the right version and other bytes", async () => {
    repository.publishTargets("serving");
    const bytes = repository.file("snapshot");
    sending("3.snapshot.json", encode(new TextDecoder().decode(bytes).replace(/\d{4}-/, "2039-")));
    await refuses(OTHER_BYTES);
    await heals();
  });
});

describe("signatures", () => {
  const resigned = async (role: string, sign: (signed: object) => Bytes | Promise<Bytes>): Promise<void> => {
    repository.of(role).version++;
    repository.serve(role, await sign(repository.of(role)));
    if (role === "snapshot") repository.publish("timestamp");
    if (role === "targets") repository.publish("snapshot", "timestamp");
  };

  test.each(["timestamp", "snapshot", "targets"])("none at all on %s", async (role) => {
    await resigned(role, (signed) => encode({ signatures: [], signed }));
    await refuses("METADATA_UNSIGNED");
    if (role === "targets") repository.publish("targets");
    await heals();
  });

  test.each(["timestamp", "snapshot", "targets"])("another key's on %s, also under the name of the right one", async (role) => {
    const wrong = await testKey();
    const right = repository.keysOf(role)[0]?.keyid ?? "";
    await resigned(role, (signed) => signedBy(signed, [wrong, { ...wrong, keyid: right }]));
    await refuses("METADATA_UNSIGNED");
    if (role === "targets") repository.publish("targets");
    await heals();
  });

  test("a valid one over other words", async () => {
    const { signatures } = JSON.parse(new TextDecoder().decode(repository.file("timestamp"))) as { signatures: unknown };
    await resigned("timestamp", (signed) => encode({ signatures, signed }));
    await refuses("METADATA_UNSIGNED");
    await heals();
  });

  test("one role's key for another role", async () => {
    await resigned("timestamp", (signed) => signedBy(signed, repository.keysOf("serving")));
    await refuses("METADATA_UNSIGNED");
    await heals();
  });

  test("a key counts once, though it is listed under two ids and signs twice", async () => {
    const [key] = repository.keysOf("timestamp");
    if (key === undefined) throw new Error("no key");
    repository.keys.set("timestamp", [key, { ...key, keyid: "another-id" }]);
    (repository.of("root")["roles"] as Record<string, { threshold: number }>)["timestamp"] = { threshold: 2 };
    repository.publish("root");
    clock.advance(DAY / 2);
    repository.of("timestamp").expires = "2030-01-10T00:00:00Z";
    repository.publish("timestamp");
    await refuses("METADATA_UNSIGNED");
    repository.keys.set("timestamp", [key, await testKey()]);
    repository.publish("root");
    await heals();
  });

  test("the same signature twice", async () => {
    await resigned("timestamp", (signed) => signedBy(signed, [...repository.keysOf("timestamp"), ...repository.keysOf("timestamp")]));
    await refuses("METADATA_MALFORMED");
    await heals();
  });

  test("enough good ones beside a bad one are enough", async () => {
    const good = repository.keysOf("timestamp");
    repository.keys.set("timestamp", [...good, await testKey()]);
    repository.publish("root");
    const [first, second] = repository.keysOf("timestamp");
    if (first === undefined || second === undefined) throw new Error("no keys");
    await resigned("timestamp", (signed) => signedBy(signed, [{ ...second, sign: () => "not hex" }, first]));
    expect(await trust.poll()).toMatchObject({ versions: { timestamp: 3 } });
  });

  test("keys of a kind that is not known count as not verified, and the error says so", async () => {
    const strange = await testKey();
    const odd = { ...strange, public: { ...strange.public, scheme: "sphincs+" } };
    repository.keys.set("timestamp", [odd, ...repository.keysOf("timestamp")]);
    repository.publish("root", "timestamp");
    clock.advance(DAY / 4);
    await trust.poll();
    repository.keys.set("timestamp", [odd]);
    repository.publish("root", "timestamp");
    await refuses("KEY_UNSUPPORTED");
    repository.keys.set("timestamp", [await testKey()]);
    repository.publish("root");
    await heals();
  });
});

describe("the root chain", () => {
  /** Offers `bytes` as root 2; the timestamp changes too, so that devices look. */
  const offering = (bytes: Bytes): void => {
    repository.publish("timestamp");
    sending("2.root.json", bytes);
  };
  const root = (version: number): object => ({ ...structuredClone(repository.of("root")), version });

  test.each([
    [1, "METADATA_ROLLBACK"],
    [3, "METADATA_MISMATCH"],
  ])("version %i where 2 must follow", async (version, code) => {
    offering(signedBy(root(version), repository.keysOf("root")));
    await refuses(code);
    await heals();
  });

  test("signed by its own new key alone", async () => {
    const thief = await TestRepository.create();
    offering(signedBy({ ...thief.of("root"), version: 2 }, thief.keysOf("root")));
    await refuses("METADATA_UNSIGNED");
    await heals();
  });

  test("signed by the old key alone, though it names a new one", async () => {
    const next = await TestRepository.create();
    offering(signedBy({ ...next.of("root"), version: 2 }, repository.keysOf("root")));
    await refuses("METADATA_UNSIGNED");
    await heals();
  });

  test("not signed as often as it says itself", async () => {
    const signed = root(2) as { roles: Record<string, { threshold: number }> };
    const own = signed.roles["root"];
    if (own === undefined) throw new Error("no root role");
    own.threshold = 2;
    offering(signedBy(signed, repository.keysOf("root")));
    await refuses("METADATA_UNSIGNED");
    await heals();
  });

  test("other metadata in its place", async () => {
    offering(repository.file("timestamp"));
    await refuses("METADATA_MALFORMED");
    await heals();
  });

  test("a page in its place, as servers of single-page apps send", async () => {
    offering(encode("<!doctype html><title>My app</title>"));
    await refuses("METADATA_MALFORMED");
    await heals();
  });

  test("a server that fails is not the end of the chain", async () => {
    repository.publish("timestamp");
    repository.fault = (path) => (path === "metadata/2.root.json" ? new Response("", { status: 500 }) : undefined);
    await refuses("HTTP_STATUS");
    await heals();
  });

  test.each([404, 403])("status %i is", async (status) => {
    repository.publish("timestamp");
    repository.fault = (path) => (path === "metadata/2.root.json" ? new Response("", { status }) : undefined);
    expect(await trust.poll()).toMatchObject({ versions: { timestamp: 3 } });
  });

  test("many rotations are walked, each signed by the one before", async () => {
    for (let i = 0; i < 6; i++) await repository.rotate("root");
    repository.publish("timestamp");
    expect(await trust.poll()).toMatchObject({ changed: true, versions: { root: 7 } });
    expect(store.records.get("root.json")).toEqual(repository.file("root"));
  });

  test("a key that the root took away signs no more", async () => {
    const stolen = repository.keysOf("serving");
    const next = await testKey();
    const delegations = repository.of("targets")["delegations"] as { keys: object; roles: { name: string; keyids: string[] }[] };
    delegations.roles = delegations.roles.filter(({ name }) => name !== "serving");
    repository.keys.set("serving", [next]);
    repository.delegate("serving", ["serving/*.json"]);
    repository.publish("targets");
    repository.publishTargets("serving");
    await trust.poll();
    repository.keys.set("serving", stolen);
    repository.publishTargets("serving");
    await trust.poll();
    await expect(trust.find("serving/digits.json")).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
    repository.keys.set("serving", [next]);
    await heals();
  });
});

describe("fast forward", () => {
  test.each(["timestamp", "snapshot"] as const)("versions as high as can be, signed with a stolen %s key, are undone by a root that takes the key", async (role) => {
    const honest = repository.of(role).version;
    repository.of(role).version = 2 ** 53 - 3;
    repository.publish(...(role === "snapshot" ? ["snapshot", "timestamp"] : ["timestamp"]));
    await trust.poll();
    // Without a new root nothing lower is taken.
    repository.of(role).version = honest;
    repository.publish("snapshot", "timestamp");
    await expect(trust.poll()).rejects.toMatchObject({ code: "METADATA_ROLLBACK" });
    await repository.rotate(role);
    repository.publish("snapshot", "timestamp");
    expect(await trust.poll()).toMatchObject({ versions: { root: 2, [role]: honest + 2 } });
    expect(await restarted().poll()).toMatchObject({ versions: { [role]: honest + 2 } });
    await heals();
  });

  test("of a role, by a stolen snapshot key, likewise", async () => {
    const meta = structuredClone(repository.of("snapshot")["meta"]) as Record<string, { version: number }>;
    const forged = structuredClone(meta);
    const publisher = forged["publisher.json"];
    if (publisher === undefined) throw new Error("no publisher");
    publisher.version = 2 ** 53 - 1;
    repository.of("snapshot")["meta"] = forged;
    repository.publish("snapshot", "timestamp");
    await trust.poll();
    repository.of("snapshot")["meta"] = meta;
    repository.publish("snapshot", "timestamp");
    await expect(trust.poll()).rejects.toMatchObject({ code: "METADATA_ROLLBACK" });
    await repository.rotate("snapshot");
    repository.publish("snapshot", "timestamp");
    expect(await trust.poll()).toMatchObject({ versions: { root: 2 } });
    await heals();
  });

  test("a power cut between the new root and the forgetting does not keep the device from recovering", async () => {
    repository.of("timestamp").version = 2 ** 53 - 3;
    repository.publish("timestamp");
    await trust.poll();
    repository.of("timestamp").version = 2;
    await repository.rotate("timestamp");
    repository.publish("timestamp");
    for (let k = 0; k < 8; k++) {
      const copy = new Map([...store.records].map(([name, bytes]) => [name, bytes.slice()] as const));
      store.left = k;
      await restarted().poll().catch(() => undefined);
      store.left = Number.POSITIVE_INFINITY;
      expect(await restarted().poll()).toMatchObject({ versions: { root: 2, timestamp: 3 } });
      store.records.clear();
      for (const [name, bytes] of copy) store.records.set(name, bytes);
    }
  });

  test("a key that is only added forgives no rollback", async () => {
    const old = repository.file("timestamp");
    repository.publishTargets("serving");
    await trust.poll();
    await trust.find("serving/digits.json");
    repository.keys.set("timestamp", [...repository.keysOf("timestamp"), await testKey()]);
    repository.publish("root");
    sending("timestamp.json", old);
    await refuses("METADATA_ROLLBACK");
    await heals();
  });
});

describe("what is no metadata", () => {
  const endless = (): Response => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65_536).fill(0x20)) }));

  test.each<[string, string | RegExp, () => Response]>([
    ["endless data", "LIMIT_EXCEEDED", endless],
    ["HTML", "METADATA_MALFORMED", () => new Response("<!doctype html><title>Sign in</title>")],
    ["nothing", "METADATA_MALFORMED", () => new Response("")],
    ["a cut", "METADATA_MALFORMED", () => new Response(repository.file("timestamp").slice(0, -10))],
    ["a depth charge", "METADATA_MALFORMED", () => new Response(`{"signatures":[],"signed":${'{"a":'.repeat(2_000)}1${"}".repeat(2_001)}`)],
    ["an error", "HTTP_STATUS", () => new Response("", { status: 503, headers: { "retry-after": "9" } })],
    ["no answer at all", "NETWORK_FAILED", () => { throw new TypeError("fetch failed"); }],
  ])("%s for a timestamp", async (_, code, response) => {
    repository.fault = (path) => (path === "metadata/timestamp.json" ? response() : undefined);
    await refuses(code);
    await heals();
  });

  test("an expiry that is no time never means for ever", async () => {
    const until = repository.of("timestamp").expires;
    repository.of("timestamp").expires = "9999-99-99T99:99:99Z";
    repository.publish("timestamp");
    await refuses("METADATA_MALFORMED");
    repository.of("timestamp").expires = until;
    await heals();
  });

  test("a snapshot that is said to be larger than any may be is not even asked for", async () => {
    repository.publish("snapshot");
    const meta = repository.of("timestamp")["meta"] as { "snapshot.json": { length: number } };
    meta["snapshot.json"].length = 2 ** 40;
    repository.publish("timestamp");
    await refuses("LIMIT_EXCEEDED");
    expect(repository.requests).not.toContain("metadata/3.snapshot.json");
    await heals();
  });

  test("endless data for a snapshot ends where its length says", async () => {
    repository.publishTargets("serving");
    repository.fault = (path) => (path === "metadata/3.snapshot.json" ? endless() : undefined);
    await refuses("LIMIT_EXCEEDED");
    await heals();
  });
});

describe("targets", () => {
  test.each<[string, RegExp, (bytes: Bytes) => Response]>([
    ["other bytes of the same length", /DIGEST_MISMATCH/, (bytes) => new Response(new Uint8Array(bytes.length))],
    ["a cut", /SIZE_MISMATCH/, (bytes) => new Response(bytes.slice(1))],
    ["endless data", /LIMIT_EXCEEDED/, () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65_536)) }))],
    ["HTML", /SIZE_MISMATCH|DIGEST_MISMATCH|LIMIT_EXCEEDED/, () => new Response("<p>")],
    ["nothing", /HTTP_STATUS/, () => new Response("", { status: 404 })],
  ])("%s", async (_, code, response) => {
    const bytes = repository.setTarget("serving", "serving/digits.json", "the right bytes");
    repository.publishTargets("serving");
    await trust.poll();
    const target = await trust.find("serving/digits.json");
    if (target === undefined) throw new Error("no target");
    repository.fault = (path) => (path.startsWith("targets/") ? response(bytes) : undefined);
    await expect(trust.fetchTarget(target)).rejects.toMatchObject({ code: expect.stringMatching(code) as unknown });
    repository.fault = undefined;
    expect(await trust.fetchTarget(target)).toEqual(bytes);
  });
});

import { describe, expect, test } from "vitest";
import { createTrust, type Trust } from "../../../runtime/trust/index.ts";
import { DAY, MemoryRecords, NOW, SERVER, TestClock, TestRepository, sha256 } from "./test-repository.ts";

interface Device {
  readonly repository: TestRepository;
  readonly store: MemoryRecords;
  readonly clock: TestClock;
  readonly trust: Trust;
  /** The same device after a restart. */
  restarted(): Trust;
}

async function device(options: { readonly shipped?: boolean; readonly onTrustReset?: () => Promise<void> } = {}): Promise<Device> {
  const repository = await TestRepository.create();
  const store = new MemoryRecords();
  const clock = new TestClock();
  const restarted = (): Trust =>
    createTrust({ server: `${SERVER}/`, fetch: repository.fetch, clock, store, ...(options.shipped && { root: repository.file("root", 1) }), ...(options.onTrustReset && { onTrustReset: options.onTrustReset }) });
  return { repository, store, clock, trust: restarted(), restarted };
}

const MANIFEST = "models/digits/3/manifest.json";
/** What a snapshot of the test repository names, as it is asked for. */
const ROLES = ["metadata/1.targets.json", "metadata/2.publisher.json", "metadata/2.serving.json"];

describe("a whole update", () => {
  test("asks in the order of the workflow, stores each role once it is proved, and finds targets through delegations", async () => {
    const { repository, store, trust } = await device();
    const bytes = repository.setTarget("publisher", MANIFEST, "manifest 3", { minVersion: 2 });
    repository.setTarget("serving", "serving/digits.json", "serving");
    repository.publishTargets("publisher", "serving");
    const news = await trust.poll();
    expect(news).toMatchObject({ changed: true, trustReset: false, versions: { root: 1, timestamp: 2, snapshot: 2, targets: 1 } });
    expect(news.pinned).toBe(`sha256:${sha256(repository.file("root", 1))}`);
    expect(repository.requests).toEqual(["metadata/1.root.json", "metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json", ...ROLES]);
    const found = await trust.find(MANIFEST);
    expect(found).toEqual({ path: MANIFEST, sha256: sha256(bytes), length: bytes.length, custom: { minVersion: 2 }, role: "publisher", roleVersion: 2 });
    expect(await trust.find("models/digits/4/manifest.json")).toBeUndefined();
    expect(found && (await trust.fetchTarget(found))).toEqual(bytes);
    expect(store.writes.filter((name) => name.endsWith(".json"))).toEqual(["root.json", "timestamp.json", "snapshot.json", "targets.json", "publisher.json"]);
    expect(store.records.get("publisher.json")).toEqual(repository.file("publisher"));
    expect((await trust.list("serving/")).map(({ path, role }) => [path, role])).toEqual([["serving/digits.json", "serving"]]);
    expect((await trust.list("models/digits/")).map(({ path }) => path)).toEqual([MANIFEST]);
    expect(await trust.list("models/other/")).toEqual([]);
  });

  test("asks for the roles that a snapshot names anew beside each other, and for none of them twice", async () => {
    const { repository, trust } = await device();
    let together: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (together = resolve));
    const waiting = new Set<string>();
    repository.fault = (path) => {
      if (!/^metadata\/\d+\.(targets|publisher|serving)\.json$/.test(path)) return undefined;
      waiting.add(path);
      if (waiting.size === 3) together();
      // None is answered before all were asked for.
      return all.then(() => new Response(repository.files.get(path)));
    };
    await trust.poll();
    await trust.find("serving/digits.json");
    await trust.find(MANIFEST);
    expect(repository.requests.filter((path) => waiting.has(path))).toHaveLength(3);
  });

  test("a shipped root needs no first one from the server", async () => {
    const { repository, trust } = await device({ shipped: true });
    expect(await trust.poll()).toMatchObject({ changed: true, trustReset: false });
    expect(repository.requests[0]).toBe("metadata/2.root.json");
  });

  test("only metadata that changed is fetched again", async () => {
    const { repository, trust } = await device();
    await trust.poll();
    await trust.find(MANIFEST);
    repository.setTarget("serving", "serving/digits.json", "2");
    repository.publishTargets("serving");
    repository.requests.length = 0;
    expect((await trust.poll()).changed).toBe(true);
    expect(await trust.find("serving/digits.json")).toMatchObject({ roleVersion: 2 });
    await trust.find(MANIFEST);
    expect(repository.requests).toEqual(["metadata/timestamp.json", "metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.serving.json"]);
  });
});

describe("the steady state", () => {
  test("an unchanged timestamp is the only request, also after a restart", async () => {
    const { repository, trust, restarted } = await device();
    await trust.poll();
    repository.requests.length = 0;
    expect(await trust.poll()).toMatchObject({ changed: false });
    expect(await restarted().poll()).toMatchObject({ changed: false, versions: { snapshot: 1 } });
    expect(repository.requests).toEqual(["metadata/timestamp.json", "metadata/timestamp.json"]);
  });

  test("a timestamp that was only signed again brings no change", async () => {
    const { repository, trust } = await device();
    await trust.poll();
    repository.publish("timestamp");
    expect(await trust.poll()).toMatchObject({ changed: false, versions: { timestamp: 2, snapshot: 1 } });
  });

  test("a frozen timestamp is noticed when it expires, and what was trusted stays", async () => {
    const { repository, trust, clock, restarted } = await device();
    repository.setTarget("serving", "serving/digits.json", "1");
    repository.publishTargets("serving");
    await trust.poll();
    await trust.find("serving/digits.json");
    clock.advance(DAY);
    await expect(trust.poll()).rejects.toMatchObject({ code: "METADATA_EXPIRED" });
    expect(await trust.find("serving/digits.json")).toBeDefined();
    const later = restarted();
    expect(await later.load()).toMatchObject({ snapshot: 2 });
    expect(await later.find("serving/digits.json")).toBeDefined();
  });

  test("a clock that is turned back does not bring expired metadata back to life", async () => {
    const { repository, trust, clock } = await device();
    await trust.poll();
    clock.advance(20 * 3_600_000);
    repository.of("timestamp").expires = "2030-01-02T00:00:00Z";
    repository.publish("timestamp");
    await trust.poll();
    clock.time = NOW - 300 * DAY;
    repository.of("timestamp").expires = "2030-01-01T10:00:00Z";
    repository.publish("timestamp");
    await expect(trust.poll()).rejects.toMatchObject({ code: "METADATA_EXPIRED" });
  });

  test("after a day the whole workflow runs though nothing changed, so that a new root is seen", async () => {
    const { repository, trust, clock } = await device();
    repository.of("timestamp").expires = "2030-01-08T00:00:00Z";
    repository.publish("timestamp");
    await trust.poll();
    await repository.rotate("root");
    expect(await trust.poll()).toMatchObject({ versions: { root: 1 } });
    clock.advance(DAY);
    expect(await trust.poll()).toMatchObject({ changed: true, versions: { root: 2 } });
  });
});

describe("a device that is offline", () => {
  test("takes up what is stored, and does not guess what is not", async () => {
    const { repository, trust, restarted } = await device();
    repository.setTarget("serving", "serving/digits.json", "1");
    repository.publishTargets("serving");
    await expect(trust.find("serving/digits.json")).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    await trust.poll();
    await trust.find("serving/digits.json");
    repository.fault = () => Promise.reject(new TypeError("offline"));
    const later = restarted();
    expect(await later.load()).toEqual({ root: 1, timestamp: 2, snapshot: 2, targets: 1 });
    expect(await later.find("serving/digits.json")).toMatchObject({ roleVersion: 2 });
    await expect(later.find(MANIFEST)).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    await expect(later.poll()).rejects.toMatchObject({ code: "NETWORK_FAILED" });
    expect(await later.find("serving/digits.json")).toBeDefined();
  });

  test("a fresh one trusts nothing", async () => {
    const { trust, repository } = await device();
    repository.fault = () => Promise.reject(new TypeError("offline"));
    expect(await trust.load()).toBeUndefined();
    await expect(trust.poll()).rejects.toMatchObject({ code: "NETWORK_FAILED" });
  });

  test("polls end when they are told to", async () => {
    const { trust, repository } = await device();
    const stop = new AbortController();
    repository.fault = () => new Promise<Response>(() => stop.abort());
    await expect(trust.poll({ signal: stop.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    repository.fault = undefined;
    expect(await trust.poll()).toMatchObject({ changed: true });
  });
});

describe("a power cut at every write of an update", () => {
  test("leaves a device that goes on, and never accepts less than it saw", async () => {
    const { repository, store, restarted } = await device();
    for (let k = 0; ; k++) {
      if (k > 40) throw new Error("the update never ends");
      repository.setTarget("serving", "serving/digits.json", `content ${k}`);
      if (k % 3 === 0) await repository.rotate("root");
      repository.publishTargets("serving");
      const expected = repository.of("serving").version;
      store.left = k;
      const cut = await restarted().poll().then(() => false, () => true);
      store.left = Number.POSITIVE_INFINITY;
      const again = restarted();
      await again.load();
      expect(await again.poll()).toMatchObject({ trustReset: false, versions: { timestamp: expected } });
      expect(await again.find("serving/digits.json")).toMatchObject({ roleVersion: expected });
      if (!cut) break;
    }
  });
});

describe("stored metadata that is damaged", () => {
  const records = ["root.json", "root-pin", "root-pin-copy", "seen", "timestamp.json", "snapshot.json", "targets.json", "serving.json"];

  test.each(records.flatMap((name) => [[name, "a flipped bit"], [name, "a cut"], [name, "nothing"]] as const))("%s with %s heals", async (name, damage) => {
    const { repository, store, restarted, trust } = await device();
    repository.setTarget("serving", "serving/digits.json", "1");
    repository.publishTargets("serving");
    await trust.poll();
    await trust.find("serving/digits.json");
    const old = { timestamp: repository.file("timestamp") };
    repository.publishTargets("serving");
    await trust.poll();
    await trust.find("serving/digits.json");
    if (damage === "a flipped bit") store.flipBit(name);
    else if (damage === "a cut") store.records.set(name, store.records.get(name)?.slice(0, 100) ?? new Uint8Array());
    else store.records.delete(name);
    const damaged = new Map(store.records);

    // An older state of the repository is still refused ...
    const present = repository.file("timestamp");
    repository.files.set("metadata/timestamp.json", old.timestamp);
    const attacked = restarted();
    await attacked.load();
    await expect(attacked.poll()).rejects.toMatchObject({ code: "METADATA_ROLLBACK" });

    // ... and the present one is taken.
    store.records.clear();
    for (const [record, bytes] of damaged) store.records.set(record, bytes);
    repository.files.set("metadata/timestamp.json", present);
    const healed = restarted();
    await healed.load();
    expect(await healed.poll()).toMatchObject({ trustReset: false, versions: { timestamp: 3, snapshot: 3 } });
    expect(await healed.find("serving/digits.json")).toMatchObject({ roleVersion: 3 });
    const offline = restarted();
    expect(await offline.load()).toEqual({ root: 1, timestamp: 3, snapshot: 3, targets: 1 });
    expect(await offline.find("serving/digits.json")).toBeDefined();
  });

  test("timestamp, snapshot and roles all lost at once still let nothing older in", async () => {
    const { repository, store, restarted, trust } = await device();
    const old = repository.file("timestamp");
    repository.publishTargets("serving");
    await trust.poll();
    for (const name of ["timestamp.json", "snapshot.json", "targets.json"]) store.flipBit(name);
    const present = repository.file("timestamp");
    repository.files.set("metadata/timestamp.json", old);
    await expect(restarted().poll()).rejects.toMatchObject({ code: "METADATA_ROLLBACK" });
    repository.files.set("metadata/timestamp.json", present);
    expect(await restarted().poll()).toMatchObject({ versions: { timestamp: 2 } });
  });

  test("a damaged root is fetched again by its pin, and no other root is taken in its place", async () => {
    const { repository, store, restarted, trust } = await device();
    await repository.rotate("root");
    await trust.poll();
    store.flipBit("root.json");
    const other = await TestRepository.create();
    await other.rotate("root");
    repository.fault = (path) => (path.startsWith("metadata/") ? other.fetch(`${SERVER}/${path}`) : undefined);
    await expect(restarted().poll()).rejects.toMatchObject({ code: "METADATA_MISMATCH" });
    repository.fault = undefined;
    expect(await restarted().poll()).toMatchObject({ trustReset: false, versions: { root: 2 } });
  });

  test("a server that serves an older root chain is refused", async () => {
    const { repository, store, restarted, trust } = await device({ shipped: true });
    await repository.rotate("root");
    await trust.poll();
    store.flipBit("root.json");
    repository.files.delete("metadata/2.root.json");
    await expect(restarted().poll()).rejects.toMatchObject({ code: "METADATA_ROLLBACK" });
  });
});

describe("the root that trust comes from", () => {
  test("a shipped root of the same chain is no reset, older or newer", async () => {
    const { repository, store, clock, trust } = await device({ shipped: true });
    await trust.poll();
    await repository.rotate("root");
    await repository.rotate("timestamp");
    repository.publish("timestamp");
    const shipping = (version: number, records = store): Trust => createTrust({ server: SERVER, fetch: repository.fetch, clock, store: records, root: repository.file("root", version) });
    expect(await shipping(3).poll()).toMatchObject({ trustReset: false, versions: { root: 3 } });
    expect(await shipping(2).poll()).toMatchObject({ trustReset: false });
    const fresh = new MemoryRecords();
    expect(await shipping(3, fresh).poll()).toMatchObject({ trustReset: false, versions: { root: 3 } });
    expect(await shipping(1, fresh).poll()).toMatchObject({ trustReset: false, versions: { root: 3 } });
  });

  test("a shipped root of another chain resets trust, once what hangs on the old one was dropped", async () => {
    const { store, clock, trust, repository } = await device({ shipped: true });
    for (let i = 0; i < 5; i++) repository.publishTargets("serving");
    await trust.poll();
    const other = await TestRepository.create();
    const order: string[] = [];
    const moved = createTrust({
      server: SERVER,
      fetch: other.fetch,
      clock,
      store,
      root: other.file("root", 1),
      onTrustReset: async () => {
        order.push(store.records.has("seen") ? "dropped first" : "too late");
      },
    });
    expect(await moved.load()).toBeUndefined();
    expect(await moved.poll()).toMatchObject({ changed: true, trustReset: true, versions: { timestamp: 1 }, pinned: `sha256:${sha256(other.file("root", 1))}` });
    expect(order).toEqual(["dropped first"]);
    expect(await moved.poll()).toMatchObject({ changed: false, trustReset: false });
  });

  test("a reset that is cut off at any write is made whole by the next start", async () => {
    const other = await TestRepository.create();
    for (let k = 0; ; k++) {
      if (k > 20) throw new Error("the reset never ends");
      const { store, clock, trust } = await device({ shipped: true });
      await trust.poll();
      let resets = 0;
      const moved = (): Trust => createTrust({ server: SERVER, fetch: other.fetch, clock, store, root: other.file("root", 1), onTrustReset: async () => void resets++ });
      store.left = k;
      const cut = await moved().poll().then(() => false, () => true);
      store.left = Number.POSITIVE_INFINITY;
      expect(await moved().poll()).toMatchObject({ versions: { root: 1, timestamp: 1 } });
      expect(resets).toBeGreaterThan(0);
      if (!cut) break;
    }
  });

  test("without a shipped root another server's chain is refused, not adopted", async () => {
    const { store, clock, trust } = await device();
    await trust.poll();
    const other = await TestRepository.create();
    await other.rotate("root");
    const moved = createTrust({ server: SERVER, fetch: other.fetch, clock, store });
    await expect(moved.poll()).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
  });

  test("a store that held a root alone goes on from it", async () => {
    const { repository, store, restarted } = await device();
    store.records.set("root.json", repository.file("root", 1));
    await repository.rotate("root");
    expect(await restarted().poll()).toMatchObject({ trustReset: false, versions: { root: 2 } });
    expect(repository.requests[0]).toBe("metadata/2.root.json");
  });
});

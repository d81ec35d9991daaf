import { encode, testKey, type Signed, type TestKey } from "../../../unit/tuf/test-repository.ts";
import { handSigned, tampered, type Case, type Script } from "../record-vector.ts";

/** Clause 4: what metadata and keys look like, and what a signature is over. */

const ALL = { root: 1, timestamp: 1, snapshot: 1, targets: 1 };

/** A timestamp's canonical form, `more` (`,"x":1`) behind its last field. */
const form = (more = "", version = "2"): string =>
  `{"_type":"timestamp","expires":"2030-01-02T00:00:00Z","meta":{"snapshot.json":{"version":1}},"spec_version":"1.0.34","version":${version}${more}}`;

function byHand(script: Script, canonical: string, json = canonical): void {
  const { repository } = script;
  repository.of("timestamp").version++;
  repository.serve("timestamp", handSigned(canonical, json, repository.keysOf("timestamp")));
}

const accepted = (clause: string, title: string, change: (signed: Signed) => void): Case => ({
  clause,
  title,
  script: (script) => {
    script.next("timestamp", change);
    script.expect("OK", { trusted: { ...ALL, timestamp: 2 } });
  },
});

const refused = (clause: string, title: string, change: (signed: Signed) => void): Case => ({
  clause,
  title,
  script: (script) => {
    script.next("timestamp", change);
    script.expect("METADATA_MALFORMED", { trusted: { root: 1 } });
  },
});

const written = (clause: string, title: string, canonical: string, json = canonical): Case => ({
  clause,
  title,
  script: (script) => {
    byHand(script, canonical, json);
    script.expect("OK", { trusted: { ...ALL, timestamp: 2 } });
  },
});

const unwritable = (clause: string, title: string, canonical: string, json = canonical): Case => ({
  clause,
  title,
  script: (script) => {
    byHand(script, canonical, json);
    script.expect("METADATA_MALFORMED", { trusted: { root: 1 } });
  },
});

/** The timestamp's key is another one, signs well, then badly. */
const signing = (title: string, make: () => Promise<TestKey>): Case => ({
  clause: "4.2.2",
  title,
  script: async (script) => {
    const { repository } = script;
    script.give("timestamp", [await make()]);
    script.next("timestamp");
    script.expect("OK", { trusted: { ...ALL, root: 2, timestamp: 2 } });
    const [sig = ""] = repository.keysOf("timestamp").map((key) => key.sign(encode("something else")));
    script.next("timestamp");
    repository.serve("timestamp", tampered(repository.file("timestamp"), ({ signatures }) => signatures.forEach((signature) => (signature.sig = sig))));
    script.expect("METADATA_UNSIGNED", { trusted: { ...ALL, root: 2, timestamp: 2 } });
  },
});

export const FORMATS: readonly Case[] = [
  { clause: "4.2", title: "a repository as it should be", script: (script) => script.expect("OK", { trusted: ALL }) },
  written("4.2.1", "white space and the order of keys do not matter, the canonical form does", form(), `{ "version": 2,\n "spec_version": "1.0.34", "meta": {"snapshot.json": {"version": 1}}, "expires": "2030-01-02T00:00:00Z", "_type": "timestamp" }`),
  written("4.2.1", "a canonical string escapes quotes and backslashes alone", form(`,"x":"a\\"b\\\\c\né\u2028"`), form(`,"x":"a\\u0022b\\\\c\\n\\u00e9\\u2028"`)),
  written("4.2.1", "canonical keys are in the order of code points, not of UTF-16 units", form(`,"\ufffd":1,"\u{10000}":2`)),
  unwritable("4.2.1", "a fraction has no canonical form", form(`,"x":0.5`)),
  unwritable("4.2.1", "nor has an integer that not every reader holds", form(`,"x":9007199254740993`)),
  unwritable("4.2.1", "nor half of a surrogate pair", form(`,"x":"\ufffd"`), form(`,"x":"\\ud800"`)),
  unwritable("4.2.1", "nesting without end is not followed", form(`,"x":${"[".repeat(200)}${"]".repeat(200)}`)),
  unwritable("4.2", "a key twice is two documents in one", form(), form(`,"version":2`)),
  unwritable("4.2", "metadata is JSON", form(), "metadata"),
  unwritable("4.2", "and an object", form(), "[]"),
  accepted("4", "what is not known here is signed all the same", (signed) => (signed["x-more"] = { a: [1, "ä"], b: null })),
  {
    clause: "4",
    title: "and may not be added later",
    script: (script) => {
      const { repository } = script;
      script.next("timestamp");
      repository.serve("timestamp", tampered(repository.file("timestamp"), ({ signed }) => (signed["x-more"] = 1)));
      script.expect("METADATA_UNSIGNED", { trusted: { root: 1 } });
    },
  },
  refused("4.3", "another type", (signed) => (signed["_type"] = "snapshot")),
  refused("4.3", "another major version of the specification", (signed) => (signed["spec_version"] = "2.0.0")),
  accepted("4.3", "another minor version of it", (signed) => (signed["spec_version"] = "1.99.0")),
  ...["never", "", "2030-02-30T00:00:00Z", "2030-01-02T25:00:00Z", "2030-01-02", "2030-01-02T00:00:00+01:00", "2030-01-02T00:00:00.000Z"].map((expires) =>
    refused("4.3", `an expiry that is not a time in its one form: ${JSON.stringify(expires)}`, (signed) => (signed.expires = expires)),
  ),
  refused("4.3", "an expiry that is a number", (signed) => Object.assign(signed, { expires: 1_900_000_000 })),
  refused("4.3", "version 0", (signed) => (signed.version = 0)),
  refused("4.3", "a negative version", (signed) => (signed.version = -2)),
  refused("4.3", "a version in a string", (signed) => Object.assign(signed, { version: "2" })),
  unwritable("4.3", "a version past 2^53-1", form("", "9007199254740993")),
  refused("4.6", "a timestamp without a snapshot", (signed) => (signed["meta"] = {})),
  refused("4.6", "a hash that is not hexadecimal", (signed) => (signed["meta"] = { "snapshot.json": { version: 1, hashes: { sha256: "../x" } } })),
  refused("4.6", "a negative length", (signed) => (signed["meta"] = { "snapshot.json": { version: 1, length: -1 } })),
  signing("ECDSA on P-256", () => testKey("ecdsa")),
  signing("Ed25519", () => testKey("ed25519")),
  signing("RSA-PSS with SHA-256", () => testKey("rsa")),
  signing("the name that key types for ECDSA had before", async () => {
    const key = await testKey();
    return { ...key, public: { ...key.public, keytype: "ecdsa-sha2-nistp256" } };
  }),
  signing("a key id is a name; it need not be the key's hash", async () => ({ ...(await testKey()), keyid: "the online key" })),
  {
    clause: "4.2.2",
    title: "a key of a type that is not known here is no reason to stop, unless it must sign",
    script: (script) => {
      const { repository } = script;
      const [known] = repository.keysOf("timestamp");
      if (known === undefined) throw new Error("the timestamp has no key");
      const unknown: TestKey = { keyid: "quantum", public: { keytype: "sigstore-oidc", scheme: "Fulcio", public: "" }, sign: () => "00" };
      script.give("timestamp", [known, unknown]);
      script.next("root", (root) => ((root["keys"] as Record<string, unknown>)["quantum"] = { keytype: "sigstore-oidc", scheme: "Fulcio", keyval: { identity: "a", issuer: "b" } }));
      script.next("timestamp");
      script.expect("OK", { trusted: { ...ALL, root: 3, timestamp: 2 } });
      script.give("timestamp", [known, unknown], { threshold: 2 });
      script.next("timestamp");
      script.expect("KEY_UNSUPPORTED", { trusted: { ...ALL, root: 4, timestamp: 2 } });
    },
  },
  {
    clause: "4.2.1",
    title: "two signatures of a key are refused, though it signed",
    script: (script) => {
      const { repository } = script;
      script.next("timestamp");
      repository.serve("timestamp", tampered(repository.file("timestamp"), ({ signatures }) => signatures.push(...signatures)));
      script.expect("METADATA_MALFORMED", { trusted: { root: 1 } });
    },
  },
  ...["", "zz", "00", "30060201000201"].map((sig): Case => ({
    clause: "4.2.1",
    title: `a signature ${JSON.stringify(sig)} verifies nothing, and breaks nothing beside a good one`,
    script: async (script) => {
      const { repository } = script;
      const bad: TestKey = { ...(await testKey()), sign: () => sig };
      script.give("timestamp", [bad, ...repository.keysOf("timestamp")]);
      script.next("timestamp");
      script.expect("OK", { trusted: { ...ALL, root: 2, timestamp: 2 } });
      script.give("timestamp", [bad]);
      script.next("timestamp");
      script.expect("METADATA_UNSIGNED");
    },
  })),
];

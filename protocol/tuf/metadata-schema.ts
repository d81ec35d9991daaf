import * as v from "valibot";
import { NO_FLOORS, type Floors } from "./floors.ts";
import { TOP_LEVEL_ROLES, isTopLevelRole } from "./role-names.ts";

declare const brand: unique symbol;
/** The version of a piece of metadata: an integer from 1 to 2^53-1. */
export type MetadataVersion = number & { readonly [brand]: "MetadataVersion" };
/** When metadata ends to be good, in milliseconds since 1970; always a real time. */
export type Expiry = number & { readonly [brand]: "Expiry" };

const versionSchema = v.custom<MetadataVersion>((value) => Number.isSafeInteger(value) && (value as number) >= 1, "must be an integer from 1 to 2^53-1");

/** `2030-01-31T12:00:00Z` and no other form (The Update Framework 4.3): a time that does not parse would never expire. */
const expirySchema = v.pipe(
  v.string(),
  v.check((text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) && printExpiry(Date.parse(text)) === text, "must be a time in the form 2030-01-31T12:00:00Z"),
  v.transform((text) => Date.parse(text) as Expiry),
);

/** A time as metadata writes it; parts of a second are cut. */
export function printExpiry(time: number): string {
  return Number.isNaN(time) ? "" : new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

const lengthSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** An object as it came: valibot's own schemas of objects pass over keys such as `constructor`, and take arrays for objects. */
const objectSchema = v.custom<Readonly<Record<string, unknown>>>((value) => typeof value === "object" && value !== null && !Array.isArray(value), "must be an object");

/** Objects whose keys others choose become maps: a key such as `constructor` finds nothing that was not sent. */
function mapSchema<Entry extends v.GenericSchema<unknown, unknown>>(entry: Entry) {
  return v.pipe(
    objectSchema,
    v.transform((object) => Object.entries(object)),
    v.array(v.tuple([v.string(), entry])),
    v.transform((entries): ReadonlyMap<string, v.InferOutput<Entry>> => new Map(entries)),
  );
}

const hashesSchema = v.pipe(
  mapSchema(v.pipe(v.string(), v.regex(/^[0-9a-f]+$/, "must be lower-case hexadecimal"))),
  v.check((hashes) => hashes.size > 0, "must name at least one hash"),
);

const metaFileSchema = v.object({ version: versionSchema, length: v.optional(lengthSchema), hashes: v.optional(hashesSchema) });
/** What one piece of metadata says of another (4.4, 4.6). */
export type MetaFile = v.InferOutput<typeof metaFileSchema>;

const keysSchema = mapSchema(
  v.pipe(
    // A type that is not known here may have another `keyval`; such a key verifies nothing.
    v.object({ keytype: v.string(), scheme: v.string(), keyval: v.object({ public: v.optional(v.string(), "") }) }),
    v.transform(({ keytype, scheme, keyval }) => ({ keytype, scheme, public: keyval.public })),
  ),
);

/** A key id twice would let one key count twice (4.3: "KEYIDs must be unique"). */
const keyidsSchema = v.pipe(
  v.array(v.string()),
  v.check((keyids) => new Set(keyids).size === keyids.length, "must not name a key twice"),
);
const thresholdSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const roleKeysSchema = v.object({ keyids: keyidsSchema, threshold: thresholdSchema });
export type RoleKeys = v.InferOutput<typeof roleKeysSchema>;

const common = {
  spec_version: v.pipe(v.string(), v.regex(/^1\.\d+(\.\d+)?$/, "must be 1.x, the version of the specification that is implemented here")),
  version: versionSchema,
  expires: expirySchema,
};

/** Ashore's own field of a root: the versions that were published when it was signed. */
export const FLOORS_FIELD = "x-ashore-floors";
const floorsSchema: v.GenericSchema<unknown, Floors> = v.object({ timestamp: versionSchema, snapshot: versionSchema, roles: mapSchema(versionSchema) });

/** 4.3 */
const rootSchema = v.pipe(
  v.object({
    _type: v.literal("root"),
    ...common,
    consistent_snapshot: v.optional(v.boolean(), false),
    keys: keysSchema,
    roles: v.object({ root: roleKeysSchema, timestamp: roleKeysSchema, snapshot: roleKeysSchema, targets: roleKeysSchema }),
    [FLOORS_FIELD]: v.optional(floorsSchema),
  }),
  v.transform(({ consistent_snapshot, version, expires, keys, roles, [FLOORS_FIELD]: floors = NO_FLOORS }) => ({ version, expires, keys, roles, floors, consistentSnapshot: consistent_snapshot })),
);
export type Root = v.InferOutput<typeof rootSchema>;

/** 4.6: one file alone, `snapshot.json`. */
const timestampSchema = v.pipe(
  v.object({ _type: v.literal("timestamp"), ...common, meta: v.object({ "snapshot.json": metaFileSchema }) }),
  v.transform(({ version, expires, meta }) => ({ version, expires, snapshot: meta["snapshot.json"] })),
);
export type Timestamp = v.InferOutput<typeof timestampSchema>;

/** 4.4: the versions of all targets metadata; `roles` is by role name, without `.json`. */
const snapshotSchema = v.pipe(
  v.object({ _type: v.literal("snapshot"), ...common, meta: mapSchema(metaFileSchema) }),
  v.transform(({ version, expires, meta }) => ({
    version,
    expires,
    roles: new Map([...meta].filter(([file]) => file.endsWith(".json")).map(([file, info]): [string, MetaFile] => [file.slice(0, -".json".length), info])),
  })),
);
export type Snapshot = v.InferOutput<typeof snapshotSchema>;

const targetFileSchema = v.object({
  length: lengthSchema,
  hashes: hashesSchema,
  custom: v.optional(objectSchema),
});
export type TargetFile = v.InferOutput<typeof targetFileSchema>;

const delegationSchema = v.pipe(
  v.object({
    name: v.pipe(v.string(), v.minLength(1), v.check((name) => !isTopLevelRole(name), `must not be one of ${TOP_LEVEL_ROLES.join(", ")}`)),
    keyids: keyidsSchema,
    threshold: thresholdSchema,
    terminating: v.boolean(),
    paths: v.optional(v.array(v.string())),
    path_hash_prefixes: v.optional(v.array(v.string())),
  }),
  v.check(({ paths, path_hash_prefixes }) => (paths === undefined) !== (path_hash_prefixes === undefined), "must have either paths or path_hash_prefixes"),
  v.transform(({ path_hash_prefixes, ...rest }) => ({ ...rest, pathHashPrefixes: path_hash_prefixes })),
);
export type Delegation = v.InferOutput<typeof delegationSchema>;

const delegationsSchema = v.object({
  keys: keysSchema,
  roles: v.pipe(
    v.array(delegationSchema),
    v.check((roles) => new Set(roles.map(({ name }) => name)).size === roles.length, "must not delegate to a role twice"),
  ),
});
export type Delegations = v.InferOutput<typeof delegationsSchema>;

/** 4.5, of the top-level role and of delegated ones alike. */
const targetsSchema = v.pipe(
  v.object({ _type: v.literal("targets"), ...common, targets: mapSchema(targetFileSchema), delegations: v.optional(delegationsSchema) }),
  v.transform(({ version, expires, targets, delegations }) => ({ version, expires, targets, delegations: delegations ?? { keys: new Map(), roles: [] } })),
);
export type Targets = v.InferOutput<typeof targetsSchema>;

export interface SignedByType {
  readonly root: Root;
  readonly timestamp: Timestamp;
  readonly snapshot: Snapshot;
  readonly targets: Targets;
}

export const SIGNED_SCHEMAS: { readonly [Type in keyof SignedByType]: v.GenericSchema<unknown, SignedByType[Type]> } = {
  root: rootSchema,
  timestamp: timestampSchema,
  snapshot: snapshotSchema,
  targets: targetsSchema,
};

/** 4.2.1: a key signs once. A signature that is not hexadecimal is kept and counts as not verified. */
export const envelopeSchema = v.object({
  signed: objectSchema,
  signatures: v.pipe(
    v.array(v.object({ keyid: v.string(), sig: v.string() })),
    v.check((signatures) => new Set(signatures.map(({ keyid }) => keyid)).size === signatures.length, "must not hold two signatures of a key"),
    v.transform((signatures): ReadonlyMap<string, string> => new Map(signatures.map(({ keyid, sig }) => [keyid, sig]))),
  ),
});

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { AshoreError } from "../protocol/errors.ts";
import { isModelName } from "../protocol/names.ts";
import type { Clock, WithSignal } from "./ports.ts";
import { PUBLISHER_PREFIX } from "./sign/index.ts";
import { nodeFiles, replaceFile, type SignerFiles } from "./sign/signer-files.ts";
import { withSignerLock } from "./sign/signer-lock.ts";

/** What is known of a token; the token itself is with its publisher alone. */
export interface PublisherToken {
  /** Names it when it is revoked. */
  readonly id: string;
  /** The role whose metadata it may bring. */
  readonly role: string;
  /** When it was made, as an ISO 8601 time. */
  readonly created: string;
}

/**
 * Who brings a request: nobody can where there are no tokens, `unknown` where the token is none of them, else the role that
 * the token is for.
 */
export type Bearer = "closed" | "unknown" | { readonly role: string };

export interface Tokens {
  /** A new token for a role, durably; what it returns is the only copy. @throws NAME_INVALID for a role that no publisher has */
  add(role: string, options?: WithSignal): Promise<PublisherToken & { readonly token: string }>;
  list(): Promise<readonly PublisherToken[]>;
  /** From now on the token is unknown. @throws NOT_FOUND */
  revoke(id: string, options?: WithSignal): Promise<PublisherToken>;
  /** Who sends that `Authorization` header. Reads the file each time, so that a revoked token ends at once. */
  bearer(authorization: string | undefined): Promise<Bearer>;
}

export interface TokensOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly files?: SignerFiles;
}

const storedSchema = v.object({ id: v.string(), role: v.string(), created: v.string(), sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) });
const fileSchema = v.object({ schemaVersion: v.literal(1), tokens: v.array(storedSchema) });
type StoredToken = v.InferOutput<typeof storedSchema>;

const SECRET_BYTES = 32;

/**
 * The tokens of a data folder, in `tokens.json`, mode 0600. Only hashes are kept: a plain SHA-256 is enough, since 256 random
 * bits cannot be guessed.
 */
export function openTokens({ dataDir, clock, files = nodeFiles }: TokensOptions): Tokens {
  const path = join(dataDir, "tokens.json");

  async function read(): Promise<readonly StoredToken[]> {
    const bytes = await files.read(path);
    if (bytes === undefined) return [];
    try {
      return v.parse(fileSchema, JSON.parse(new TextDecoder().decode(bytes))).tokens;
    } catch (cause) {
      throw new AshoreError("STORE_CORRUPT", `${path} is not a list of tokens. Remove it, and make new tokens with "ashore tokens add".`, { cause });
    }
  }

  async function change<T>(work: (tokens: readonly StoredToken[]) => { readonly tokens: readonly StoredToken[]; readonly result: T }, options: WithSignal): Promise<T> {
    await files.makeFolder(dataDir, 0o755);
    return withSignerLock(dataDir, clock, async (lock) => {
      const { tokens, result } = work(await read());
      lock.assertHeld();
      await replaceFile(files, path, new TextEncoder().encode(`${JSON.stringify({ schemaVersion: 1, tokens }, null, 2)}\n`), 0o600);
      await files.syncFolder(dataDir);
      return result;
    }, options);
  }

  return {
    add: async (role, options = {}) => {
      assertPublisher(role);
      const token = `ashore_${randomBytes(SECRET_BYTES).toString("base64url")}`;
      const sha256 = hashOf(token).toString("hex");
      const known = { id: sha256.slice(0, 8), role, created: new Date(clock.now()).toISOString() };
      return change((tokens) => ({ tokens: [...tokens, { ...known, sha256 }], result: { ...known, token } }), options);
    },
    list: async () => (await read()).map(({ id, role, created }) => ({ id, role, created })),
    revoke: (id, options = {}) =>
      change((tokens) => {
        const found = tokens.find((token) => token.id === id);
        if (found === undefined) throw new AshoreError("NOT_FOUND", `${path} has no token ${id}; "ashore tokens list" names those that it has.`);
        return { tokens: tokens.filter((token) => token !== found), result: { id, role: found.role, created: found.created } };
      }, options),
    bearer: async (authorization) => {
      const tokens = await read();
      if (tokens.length === 0) return "closed";
      const hash = hashOf(/^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? "")?.[1] ?? "");
      // Each is compared, in the same time whichever it is.
      const [found] = tokens.filter(({ sha256 }) => timingSafeEqual(Buffer.from(sha256, "hex"), hash));
      return found === undefined ? "unknown" : { role: found.role };
    },
  };
}

function assertPublisher(role: string): void {
  if (role.startsWith(PUBLISHER_PREFIX) && isModelName(role.slice(PUBLISHER_PREFIX.length))) return;
  throw new AshoreError("NAME_INVALID", `${JSON.stringify(role.slice(0, 160))} is no publisher's role: tokens are for ${PUBLISHER_PREFIX}<model>, which "ashore keys delegate <model>" makes.`);
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

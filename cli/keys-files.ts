import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { AshoreError, asAshoreError } from "../protocol/errors.ts";
import { mergeRequests, nodeFiles, parsePublicKey, parseRequest, printRequest, replaceFile, type NamedKey, type SigningRequest } from "../sync-server/sign/index.ts";
import type { Io } from "./io.ts";

/** @throws CONFIG_INVALID where the file cannot be read, SCHEMA_INVALID, KEY_UNSUPPORTED */
export async function readPublicKey(io: Io, file: string): Promise<NamedKey> {
  return parsePublicKey(await bytesOf(io, file), file);
}

/** One request, in one file or in copies of it that were signed in several places. @throws CONFIG_INVALID, SCHEMA_INVALID, METADATA_MALFORMED, USAGE */
export async function readRequests(io: Io, [first, ...others]: readonly [string, ...string[]]): Promise<SigningRequest> {
  const read = async (file: string): Promise<SigningRequest> => parseRequest(await bytesOf(io, file), file);
  const rest: SigningRequest[] = [];
  for (const file of others) rest.push(await read(file));
  return mergeRequests([await read(first), ...rest]);
}

/** @throws ALREADY_EXISTS */
export async function assertNoRequest(io: Io, file: string): Promise<void> {
  if ((await nodeFiles.read(resolve(io.cwd, file))) !== undefined) throw new AshoreError("ALREADY_EXISTS", `${file} is there already, and may hold signatures. Choose another name.`);
}

/** A request's first file; one that is there may hold somebody's signatures. @throws ALREADY_EXISTS */
export async function createRequest(io: Io, file: string, write: () => Promise<SigningRequest>): Promise<void> {
  await assertNoRequest(io, file);
  const request = await write();
  try {
    await writeFile(resolve(io.cwd, file), printRequest(request), { flag: "wx" });
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }
}

export async function rewriteRequest(io: Io, file: string, request: SigningRequest): Promise<void> {
  try {
    await replaceFile(nodeFiles, resolve(io.cwd, file), printRequest(request), 0o644);
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }
}

async function bytesOf(io: Io, file: string): Promise<Uint8Array> {
  try {
    return await readFile(resolve(io.cwd, file), { signal: io.signal });
  } catch (cause) {
    throw new AshoreError("CONFIG_INVALID", `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

import { resolve } from "node:path";
import { Command } from "commander";
import { AshoreError } from "../protocol/errors.ts";
import { modelName } from "../protocol/names.ts";
import { applyRequest, changeKeys, initKeys, listKeys, newKeyFiles, openSigner, prepareKeys, readKeyFile, signRequest, type KeyChange, type NamedKey, type SigningKey } from "../sync-server/sign/index.ts";
import { systemClock } from "../sync-server/system-clock.ts";
import type { Io } from "./io.ts";
import { createRequest, readPublicKey, readRequests, rewriteRequest } from "./keys-files.ts";
import { printAsked, printChanged, printList, printMade } from "./keys-print.ts";
import { passphraseOption, passphraseToEncrypt, readPassphrase } from "./passphrase.ts";
import { printJson, printLine, printTable } from "./print.ts";

interface KeyFlags {
  readonly data: string;
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

interface ChangeFlags extends KeyFlags {
  readonly prepare?: string;
  readonly encrypt?: boolean;
}

/** `ashore keys`: who signs what of a data folder. */
export function keysCommand(io: Io): Command {
  const keys = new Command("keys").description("Manage signing keys: who signs what, and what is to be signed where the keys are.");
  for (const command of [init(io), list(io), add(io), rotate(io), revoke(io), threshold(io), delegate(io), newPair(io), sign(io), apply(io)]) keys.addCommand(command);
  return keys;
}

function onData(name: string, description: string): Command {
  return new Command(name).description(description).option("--data <folder>", "keys, metadata and blobs", ".ashore").addOption(passphraseOption()).option("--json", "print JSON");
}

function change(name: string, description: string): Command {
  return onData(name, description).option("--prepare <file>", "change nothing yet: write what is to be signed, for keys that are elsewhere");
}

function init(io: Io): Command {
  return onData("init", "Make the keys that are missing, and the first metadata: ECDSA P-256, readable by their owner alone, for development.")
    .option("--encrypt", "encrypt the private halves")
    .action(async ({ data, json = false, encrypt = false, passphraseFile }: ChangeFlags) => {
      const dataDir = resolve(io.cwd, data);
      const passphrase = await readPassphrase(io, passphraseFile);
      const { created, keyids } = await initKeys(dataDir, { passphrase: encrypt ? passphraseToEncrypt(passphrase) : undefined, signal: io.signal });
      await openSigner({ dataDir, clock: systemClock, passphrase, signal: io.signal });
      if (json) return printJson(io, { created, keyids });
      printLine(io, created ? `Made new keys in ${dataDir}/keys. They are for development: move root and targets keys offline before devices depend on them.` : `The keys in ${dataDir}/keys are complete.`);
      printTable(io, Object.entries(keyids));
    });
}

function list(io: Io): Command {
  return onData("list", "Show who signs what, until when it is good, and which of the keys are in the folder.").action(async ({ data, json = false, passphraseFile }: KeyFlags) => {
    const listed = await listKeys({ dataDir: resolve(io.cwd, data), clock: systemClock, passphrase: await readPassphrase(io, passphraseFile) }, { signal: io.signal });
    if (json) printJson(io, listed);
    else printList(io, listed);
  });
}

function add(io: Io): Command {
  return change("add", "Let one more key sign for a role; the threshold stays.")
    .argument("<role>", "root, targets, snapshot, timestamp, or a role that is delegated to")
    .option("--key <file>", "its public half; without it the key is made in the folder")
    .option("--encrypt", "encrypt the private half of the key that is made")
    .action(async (role: string, flags: ChangeFlags & { readonly key?: string }) => {
      await makeChange(io, flags, { kind: "add", role, key: await publicKey(io, flags.key) });
    });
}

function rotate(io: Io): Command {
  return change("rotate", "Put a new key in the place of one that signs for a role.")
    .argument("<role>", "root, targets, snapshot, timestamp, or a role that is delegated to")
    .argument("[keyid]", "the key to replace, or the start of its id; needed where the role has several")
    .option("--key <file>", "the new key's public half; without it the key is made in the folder")
    .option("--encrypt", "encrypt the private half of the key that is made")
    .action(async (role: string, keyid: string | undefined, flags: ChangeFlags & { readonly key?: string }) => {
      await makeChange(io, flags, { kind: "rotate", role, keyid, key: await publicKey(io, flags.key) });
    });
}

function revoke(io: Io): Command {
  return change("revoke", "Let a key sign for a role no more.")
    .argument("<role>", "root, targets, snapshot, timestamp, or a role that is delegated to")
    .argument("<keyid>", "the key, or the start of its id")
    .action((role: string, keyid: string, flags: ChangeFlags) => makeChange(io, flags, { kind: "revoke", role, keyid }));
}

function threshold(io: Io): Command {
  return change("threshold", "Say how many of a role's keys must sign.")
    .argument("<role>", "root, targets, snapshot, timestamp, or a role that is delegated to")
    .argument("<number>", "from 1 to the number of its keys")
    .action((role: string, number: string, flags: ChangeFlags) => makeChange(io, flags, { kind: "threshold", role, threshold: count("threshold", number) }));
}

function delegate(io: Io): Command {
  return change("delegate", "Give a model's versions to keys of their own, those of its publisher; the server's key signs for it no more.")
    .argument("<model>", "the name of the model")
    .requiredOption("--key <files...>", "the public halves of the publisher's keys")
    .option("--threshold <number>", "how many of them must sign", "1")
    .action(async (model: string, flags: ChangeFlags & { readonly key: readonly string[]; readonly threshold: string }) => {
      const keys: NamedKey[] = [];
      for (const file of flags.key) keys.push(await readPublicKey(io, file));
      await makeChange(io, flags, { kind: "delegate", model: modelName(model), keys, threshold: count("--threshold", flags.threshold) });
    });
}

function newPair(io: Io): Command {
  return new Command("new")
    .description("Make a key pair apart from any data folder, for who signs somewhere else: NAME.json, and NAME.pub.json to hand on.")
    .requiredOption("--out <file>", "NAME.json, for its owner alone")
    .option("--encrypt", "encrypt the private half")
    .addOption(passphraseOption())
    .option("--json", "print JSON")
    .action(async ({ out, json = false, encrypt = false, passphraseFile }: Omit<ChangeFlags, "data"> & { readonly out: string }) => {
      const path = resolve(io.cwd, out);
      const { keyid, publicPath } = await newKeyFiles(path, { encrypt, passphrase: await readPassphrase(io, passphraseFile) });
      if (json) return printJson(io, { keyid, private: path, public: publicPath });
      printTable(io, [["key", keyid], ["private", path], ["public", publicPath]], "");
    });
}

function sign(io: Io): Command {
  return new Command("sign")
    .description("Sign what --prepare wrote, wherever the key is. Without --key it shows what would be signed.")
    .argument("<file>", "what --prepare wrote; the signatures are added to it")
    .option("--key <files...>", "key files")
    .addOption(passphraseOption())
    .action(async (file: string, { key: files = [], passphraseFile }: { readonly key?: readonly string[]; readonly passphraseFile?: string }) => {
      const request = await readRequests(io, [file]);
      if (files.length === 0) return printAsked(io, request);
      const passphrase = await readPassphrase(io, passphraseFile);
      const keys: SigningKey[] = [];
      for (const name of files) keys.push(await readKeyFile(resolve(io.cwd, name), { passphrase }));
      const { request: next, signed } = await signRequest(request, keys);
      if (signed.length === 0) throw new AshoreError("KEY_MISSING", `Nothing in ${file} asks for ${keys.map(({ keyid }) => keyid).join(", ")}. It asks for ${[...new Set(request.documents.flatMap(({ signers }) => signers.flatMap(({ keyids }) => keyids)))].join(", ")}.`);
      await rewriteRequest(io, file, next);
      printLine(io, "signed");
      printAsked(io, next, signed);
    });
}

function apply(io: Io): Command {
  return onData("apply", "Put in place what --prepare wrote, once enough keys signed it.")
    .argument("<files...>", "the file, or copies of it that were signed in several places")
    .action(async ([first, ...others]: readonly string[], { data, json = false, passphraseFile }: KeyFlags) => {
      if (first === undefined) throw new AshoreError("USAGE", "Name the file that --prepare wrote.");
      const request = await readRequests(io, [first, ...others]);
      const options = { dataDir: resolve(io.cwd, data), clock: systemClock, passphrase: await readPassphrase(io, passphraseFile) };
      printChanged(io, await applyRequest(request, options, { signal: io.signal }), json);
    });
}

/** Makes a change with the keys that are here, or writes what it asks of those that are elsewhere. */
async function makeChange(io: Io, { data, prepare, json = false, encrypt, passphraseFile }: ChangeFlags, wanted: KeyChange): Promise<void> {
  const dataDir = resolve(io.cwd, data);
  const options = { dataDir, clock: systemClock, change: wanted, encrypt, passphrase: await readPassphrase(io, passphraseFile) };
  if (prepare === undefined) {
    const changed = await changeKeys(options, { signal: io.signal });
    printMade(io, dataDir, changed.made);
    return printChanged(io, changed, json);
  }
  await createRequest(io, prepare, async () => {
    const { request, made } = await prepareKeys(options, { signal: io.signal });
    printMade(io, dataDir, made);
    if (json) printJson(io, { prepared: prepare, made: made ?? null });
    else printAsked(io, request);
    return request;
  });
}

async function publicKey(io: Io, file: string | undefined): Promise<NamedKey | undefined> {
  return file === undefined ? undefined : readPublicKey(io, file);
}

/** @throws USAGE */
function count(name: string, text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new AshoreError("USAGE", `${name} ${text} is not a number of keys.`);
}

import { basename, resolve } from "node:path";
import { Command, Option } from "commander";
import { createThreadedEngineHost } from "../edge/index.ts";
import { AshoreError } from "../protocol/errors.ts";
import { isVersion, modelName, versionOfFolder, type Version } from "../protocol/names.ts";
import { publishVersion, type BuildProgress, type PreparedPublish, type PublishOptions, type PublishRequest, type PublishResult, type SentResult } from "../sync-server/publish/index.ts";
import { initKeys, openSigner } from "../sync-server/sign/index.ts";
import { createFolderStorage } from "../sync-server/storage/index.ts";
import { systemClock } from "../sync-server/system-clock.ts";
import type { Io } from "./io.ts";
import { printAsked } from "./keys-print.ts";
import { passphraseOption, readPassphrase } from "./passphrase.ts";
import { PUBLISHER_FOLDER, preparePublishTo, publishSignedTo, publishToServer, type RemoteFlags } from "./publish-to.ts";
import { bytesText, printJson, printLine } from "./print.ts";

interface PublishFlags extends Omit<RemoteFlags, "to"> {
  readonly model?: string;
  readonly prepare?: string;
  readonly signed?: readonly string[];
  readonly version?: string;
  readonly min_version?: string;
  readonly serving?: string;
  readonly saved_model_tags?: string;
  readonly allow_non_finite?: boolean;
  readonly data: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** `ashore publish`: import one version, test it, sign it, here or for a server elsewhere. */
export function publishCommand(io: Io): Command {
  return new Command("publish")
    .description("Import one version of a model, test it, and sign it: into a data folder, which a running server notices, or to a server that has none of the keys.")
    .argument("[folder]", "the version's files: a TensorFlow.js graph model or a SavedModel")
    .option("--model <name>", "the name of the model")
    .option("--version <number>", "the version; default: the folder's name, where that is a number")
    .option("--min_version <number>", "the lowest version that devices may run from now on")
    .option("--serving <file>", "what turns images into inputs and names classes, in place of the folder's own serving.json")
    .option("--saved_model_tags <tags>", "tags of the meta graph to take out of a SavedModel, separated by commas (default: serve)")
    .option("--allow_non_finite", "publish a model that answers a finite input with NaN")
    .option("--data <folder>", "keys, metadata and blobs", ".ashore")
    .addOption(new Option("--to <url>", "a server that takes what is signed here with keys of your own").conflicts("data"))
    .option("--token <token>", "with --to: what `ashore tokens add` printed on the server (default: the environment's ASHORE_TOKEN)")
    .option("--keys <folder>", "with --to: the publisher's keys", `${PUBLISHER_FOLDER}/keys`)
    .option("--root <file>", "with --to: the root metadata to trust; without it the server's first root is pinned")
    .option("--prepare <file>", "with --to, where several keys must sign: send everything but the signature, and write what is to be signed")
    .option("--signed <files...>", "with --to, in place of a folder: what --prepare wrote, or copies of it, once enough keys signed it (ashore keys sign)")
    .addOption(passphraseOption())
    .option("--json", "print JSON")
    .action(async (folder: string | undefined, { to, signed, ...flags }: PublishFlags) => {
      if (signed !== undefined) return await publishWhatIsSigned(io, folder, to, signed, flags);
      if (folder === undefined) throw new AshoreError("USAGE", "Name the folder of the version's files.");
      if (flags.model === undefined) throw new AshoreError("USAGE", "--model NAME is missing: the name of the model.");
      const source = resolve(io.cwd, folder);
      const model = modelName(flags.model);
      const version = flags.version === undefined ? versionNamed(source) : versionFlag("version", flags.version);
      const minVersion = flags.min_version === undefined ? undefined : versionFlag("min_version", flags.min_version);
      const request: PublishRequest = {
        source,
        model,
        version,
        minVersion,
        serving: flags.serving === undefined ? undefined : resolve(io.cwd, flags.serving),
        savedModelTags: flags.saved_model_tags?.split(",").map((tag) => tag.trim()),
        allowNonFinite: flags.allow_non_finite,
      };
      const options: PublishOptions = { signal: io.signal, onProgress: progressLines(io) };
      if (flags.prepare !== undefined) {
        if (to === undefined) throw new AshoreError("USAGE", "--prepare is for --to; what a data folder publishes is signed with the keys that are in it.");
        return printPrepared(io, flags.prepare, await preparePublishTo(io, { ...flags, to, prepare: flags.prepare }, request, options), flags.json === true);
      }
      const result: PublishResult & Partial<SentResult> = to === undefined ? await publishHere(io, flags, request, options) : await publishToServer(io, { to, ...flags }, request, options);
      for (const note of result.notes) io.err(note);
      const { outcome, notes, blobs } = result;
      const digest = `sha256:${result.manifest.sha256}`;
      if (blobs !== undefined && outcome === "published") io.err(`sent ${blobs.sent} blobs (${bytesText(blobs.sentBytes)}); ${blobs.held} were there`);
      if (flags.json === true) printJson(io, { model, version, outcome, digest, notes, ...(blobs && { blobs }) });
      else printLine(io, `${outcome === "published" ? "published" : "unchanged:"} ${model} ${version}  ${digest}`);
    });
}

/** @throws USAGE, and what sending throws */
async function publishWhatIsSigned(io: Io, folder: string | undefined, to: string | undefined, [first, ...others]: readonly string[], { token, json }: Pick<PublishFlags, "token" | "json">): Promise<void> {
  if (folder !== undefined || to === undefined || first === undefined) throw new AshoreError("USAGE", "--signed FILE goes with --to URL, and without a folder: the version itself was sent when it was prepared.");
  const { role, offered } = await publishSignedTo(io, { to, ...(token === undefined ? {} : { token }) }, [first, ...others]);
  if (json === true) printJson(io, { role, offered });
  else printLine(io, `published ${role}: the server offers ${offered.length === 0 ? "no version" : `version ${offered.join(", ")}`}`);
}

function printPrepared(io: Io, file: string, { request, manifest, notes, blobs }: PreparedPublish, json: boolean): void {
  for (const note of notes) io.err(note);
  if (request === undefined) return json ? printJson(io, { prepared: null, digest: `sha256:${manifest.sha256}` }) : printLine(io, "unchanged: the version is published already, and nothing is to be signed");
  io.err(`sent ${blobs.sent} blobs (${bytesText(blobs.sentBytes)}); ${blobs.held} were there`);
  if (json) return printJson(io, { prepared: file, digest: `sha256:${manifest.sha256}`, notes, blobs });
  printAsked(io, request);
  printLine(io, `Each of them signs ${file}, or a copy: ashore keys sign ${file} --key KEY. Then: ashore publish --to URL --signed ${file}`);
}

async function publishHere(io: Io, { data, passphraseFile }: Pick<PublishFlags, "data" | "passphraseFile">, request: PublishRequest, options: PublishOptions): Promise<PublishResult> {
  const dataDir = resolve(io.cwd, data);
  const { created } = await initKeys(dataDir);
  if (created) io.err(`New keys were made in ${dataDir}/keys; they are for development.`);
  const engine = createThreadedEngineHost();
  try {
    const signer = await openSigner({ dataDir, clock: systemClock, passphrase: await readPassphrase(io, passphraseFile) });
    return await publishVersion(request, { storage: createFolderStorage(dataDir), signer, clock: systemClock, engine }, options);
  } finally {
    await engine.close();
  }
}

/** One line a phase, with its size where there is one. */
function progressLines(io: Io): (progress: BuildProgress) => void {
  let last = "";
  return ({ phase, totalBytes }) => {
    if (phase === last) return;
    last = phase;
    io.err(totalBytes > 0 ? `${phase} (${bytesText(totalBytes)})` : phase);
  };
}

function versionNamed(folder: string): Version {
  const found = versionOfFolder(basename(folder));
  if (found !== undefined) return found;
  throw new AshoreError("USAGE", `${basename(folder)} is no number, so --version must say which version this is.`);
}

/** @throws USAGE */
export function versionFlag(name: string, text: string): Version {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (isVersion(value)) return value;
  throw new AshoreError("USAGE", `--${name} ${text} is not a version: use an integer from 1 to ${Number.MAX_SAFE_INTEGER}.`);
}

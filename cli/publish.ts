import { basename, resolve } from "node:path";
import { Command } from "commander";
import { createThreadedEngineHost } from "../edge/index.ts";
import { AshoreError } from "../protocol/errors.ts";
import { isVersion, modelName, versionOfFolder, type Version } from "../protocol/names.ts";
import { publishVersion, type BuildProgress } from "../sync-server/publish/index.ts";
import { initKeys, openSigner } from "../sync-server/sign/index.ts";
import { createFolderStorage } from "../sync-server/storage/index.ts";
import { systemClock } from "../sync-server/system-clock.ts";
import type { Io } from "./io.ts";
import { bytesText, printJson, printLine } from "./print.ts";

interface PublishFlags {
  readonly model: string;
  readonly version?: string;
  readonly min_version?: string;
  readonly allow_non_finite?: boolean;
  readonly data: string;
  readonly json?: boolean;
}

/** `ashore publish`: import one version, test it, sign it; a server is not needed, and one on the same data folder notices. */
export function publishCommand(io: Io): Command {
  return new Command("publish")
    .description("Import one version of a model, test it, and sign it. A running server with the same --data notices.")
    .argument("<folder>", "the version's files: a TensorFlow.js graph model or a SavedModel")
    .requiredOption("--model <name>", "the name of the model")
    .option("--version <number>", "the version; default: the folder's name, where that is a number")
    .option("--min_version <number>", "the lowest version that devices may run from now on")
    .option("--allow_non_finite", "publish a model that answers a finite input with NaN")
    .option("--data <folder>", "keys, metadata and blobs", ".ashore")
    .option("--json", "print JSON")
    .action(async (folder: string, flags: PublishFlags) => {
      const source = resolve(io.cwd, folder);
      const model = modelName(flags.model);
      const version = flags.version === undefined ? versionNamed(source) : versionFlag("version", flags.version);
      const minVersion = flags.min_version === undefined ? undefined : versionFlag("min_version", flags.min_version);
      const dataDir = resolve(io.cwd, flags.data);
      const { created } = await initKeys(dataDir);
      if (created) io.err(`New keys were made in ${dataDir}/keys; they are for development.`);
      const engine = createThreadedEngineHost();
      try {
        const ports = { storage: createFolderStorage(dataDir), signer: await openSigner({ dataDir, clock: systemClock }), clock: systemClock, engine };
        const result = await publishVersion({ source, model, version, minVersion, allowNonFinite: flags.allow_non_finite }, ports, { signal: io.signal, onProgress: progressLines(io) });
        for (const note of result.notes) io.err(note);
        const digest = `sha256:${result.manifest.sha256}`;
        if (flags.json === true) printJson(io, { model, version, outcome: result.outcome, digest, notes: result.notes });
        else printLine(io, `${result.outcome === "published" ? "published" : "unchanged:"} ${model} ${version}  ${digest}`);
      } finally {
        await engine.close();
      }
    });
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

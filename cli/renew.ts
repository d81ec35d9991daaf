import { resolve } from "node:path";
import { Command } from "commander";
import { AshoreError } from "../protocol/errors.ts";
import { expiringElsewhere, expiryText, openSigner, prepareRenewal, type SignedState } from "../sync-server/sign/index.ts";
import { systemClock } from "../sync-server/system-clock.ts";
import type { Io } from "./io.ts";
import { createRequest } from "./keys-files.ts";
import { printAsked } from "./keys-print.ts";
import { passphraseOption, readPassphrase } from "./passphrase.ts";
import { printJson, printLine } from "./print.ts";

interface RenewFlags {
  readonly data: string;
  readonly prepare?: string;
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

/** `ashore renew`: sign again what is past half of its life, for folders that no server keeps fresh. */
export function renewCommand(io: Io): Command {
  return new Command("renew")
    .description("Sign again what is past half of its life, with the keys that are here (for cron, where a folder is served statically), and say what expires within 30 days that other keys must sign.")
    .requiredOption("--data <folder>", "keys, metadata and blobs")
    .option("--prepare <file>", "write what is past half of its life and is signed elsewhere, for \"ashore keys sign\" and \"ashore keys apply\"")
    .addOption(passphraseOption())
    .option("--json", "print JSON")
    .action(async ({ data, prepare, passphraseFile, json = false }: RenewFlags) => {
      const clock = systemClock;
      const options = { dataDir: resolve(io.cwd, data), clock, passphrase: await readPassphrase(io, passphraseFile), existing: true };
      const signer = await openSigner({ ...options, signal: io.signal });
      const before = await signer.read({ signal: io.signal });
      const { state } = await signer.renewIfDue({ signal: io.signal });
      const renewed = [...versionsOf(state)].filter(([role, version]) => versionsOf(before).get(role) !== version);
      const expiring = expiringElsewhere(state.ages, clock.now());
      if (json) printJson(io, { renewed: Object.fromEntries(renewed), expiring: expiring.map(({ role, expires }) => ({ role, expires: new Date(expires).toISOString() })) });
      else printLine(io, renewed.length === 0 ? "nothing is past half of its life" : `signed again ${renewed.map(([role, version]) => `${role} ${version}`).join(", ")}`);
      for (const age of expiring) io.err(`${expiryText(age, clock.now())}; its keys are not in ${options.dataDir}/keys`);
      if (prepare !== undefined) await prepareFile(io, prepare, json, options);
      const expired = expiring.filter(({ expires }) => expires <= clock.now());
      if (expired.length > 0) throw new AshoreError("METADATA_EXPIRED", `${expired.map(({ role }) => `"${role}"`).join(", ")} expired, and devices take no news before it is signed again: by "ashore renew --prepare FILE", "ashore keys sign" and "ashore keys apply".`);
    });
}

async function prepareFile(io: Io, file: string, json: boolean, options: Parameters<typeof prepareRenewal>[0]): Promise<void> {
  const request = await prepareRenewal(options, { signal: io.signal });
  if (request === undefined) return io.err("Nothing that is signed elsewhere is past half of its life; no file was written.");
  await createRequest(io, file, () => Promise.resolve(request));
  if (!json) printAsked(io, request);
}

function versionsOf({ versions, roles }: SignedState): ReadonlyMap<string, number> {
  const { root, snapshot, timestamp } = versions;
  return new Map([["root", root], ...[...roles].map(([role, { version }]): [string, number] => [role, version]), ["snapshot", snapshot], ["timestamp", timestamp]]);
}

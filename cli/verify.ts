import { Command } from "commander";
import { AshoreError } from "../protocol/errors.ts";
import { systemClock } from "../sync-server/system-clock.ts";
import { readRoot, urlFlag } from "./edge.ts";
import type { Io } from "./io.ts";
import { bytesText, printJson, printLine, printTable } from "./print.ts";
import { verifyServer, type VerifyReport } from "./verify-server.ts";

/** `ashore verify`: prove what a server publishes. */
export function verifyCommand(io: Io): Command {
  return new Command("verify")
    .description("Take everything that a server publishes, as a device would: the trust chain, every serving config, every manifest, every blob by every encoding; and say what was proved.")
    .argument("<url>", "the server")
    .option("--root <file>", "the root metadata to start from; without it the server's first root is taken on trust")
    .option("--json", "print JSON")
    .action(async (url: string, { root: rootFile, json = false }: { readonly root?: string; readonly json?: boolean }) => {
      const server = urlFlag("<url>", url);
      const root = rootFile === undefined ? undefined : await readRoot(io, rootFile);
      const report = await verifyServer({ server, root, clock: systemClock, fetch: (target, init) => fetch(target, init), signal: io.signal, onProgress: (line) => io.err(line) });
      if (json) printJson(io, report);
      else printReport(io, report);
      const [fault] = report.faults;
      if (fault !== undefined) throw new AshoreError(fault.code, `${server} is not as it must be (${report.faults.length} ${report.faults.length === 1 ? "fault" : "faults"}): ${fault.where}: ${fault.message}`);
    });
}

function printReport(io: Io, { server, root, roles, models, faults, warnings, notes }: VerifyReport): void {
  printLine(io, server);
  printLine(io, `  root ${root.digest}${root.given ? ", as given" : ", taken on trust: compare it, or pass --root"}`);
  printLine(io, "\n  signed metadata");
  printTable(io, roles.map(({ role, version, expires, keyids }) => [role, `version ${version}`, `expires ${expires}`, `keys ${keyids.map((keyid) => keyid.slice(0, 12)).join(", ")}`]), "    ");
  for (const { name, signedBy, policy, labels, versions } of models) {
    printLine(io, `\n  ${name}  serving config signed by ${signedBy}, policy ${JSON.stringify(policy)}${Object.keys(labels).length === 0 ? "" : `, labels ${JSON.stringify(labels)}`}`);
    const rows = versions.map((version) => [
      `version ${version.version}`,
      version.digest.slice(0, "sha256:".length + 12),
      `signed by ${version.signedBy}`,
      `${version.blobs} blobs by ${version.encodings} encodings, ${bytesText(version.bytes)}`,
    ]);
    printTable(io, rows, "    ");
  }
  for (const warning of warnings) printLine(io, `  WARNING ${warning}`);
  for (const note of notes) printLine(io, `  note: ${note}`);
  for (const { where, code, message } of faults) printLine(io, `  FAULT ${where}: ${code}: ${message}`);
  if (faults.length === 0) printLine(io, "\n  every signature, digest and size is right");
}

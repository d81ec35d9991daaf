import { resolve } from "node:path";
import { Command } from "commander";
import { systemClock } from "../sync-server/system-clock.ts";
import { openTokens, type Tokens } from "../sync-server/tokens.ts";
import type { Io } from "./io.ts";
import { printJson, printLine, printTable } from "./print.ts";

interface TokensFlags {
  readonly data: string;
  readonly json?: boolean;
}

/** `ashore tokens`: who may send what was published elsewhere to this server. */
export function tokensCommand(io: Io): Command {
  const tokens = new Command("tokens").description("Manage the tokens with which publishers send what they signed (ashore publish --to).");
  const open = ({ data }: TokensFlags): Tokens => openTokens({ dataDir: resolve(io.cwd, data), clock: systemClock });
  const command = (usage: string, description: string): Command =>
    tokens.command(usage).description(description).option("--data <folder>", "the server's data folder", ".ashore").option("--json", "print JSON");

  command("add", "Make a token for a publisher's role, and print it this once. A running server takes it at once.")
    .argument("<role>", "publisher-<model>, as `ashore keys delegate <model>` made it")
    .action(async (role: string, flags: TokensFlags) => {
      const added = await open(flags).add(role, { signal: io.signal });
      if (flags.json === true) return printJson(io, added);
      io.err(`Token ${added.id} for ${role}. It is kept nowhere else: hand it to the publisher now.`);
      printLine(io, added.token);
    });
  command("list", "The tokens that there are: id, role, when it was made.").action(async (flags: TokensFlags) => {
    const list = await open(flags).list();
    if (flags.json === true) return printJson(io, list);
    printTable(io, list.map(({ id, role, created }) => [id, role, created]), "");
  });
  command("revoke", "Take a token back. A running server refuses it at once; what was published with it stays.")
    .argument("<id>", "as `ashore tokens list` names it")
    .action(async (id: string, flags: TokensFlags) => {
      const revoked = await open(flags).revoke(id, { signal: io.signal });
      if (flags.json === true) return printJson(io, revoked);
      printLine(io, `revoked ${revoked.id}, of ${revoked.role}`);
    });
  return tokens;
}

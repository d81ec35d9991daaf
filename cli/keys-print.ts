import { describeDocument, stillAsked, type KeysChanged, type ListedKey, type ListedKeys, type MadeKey, type RequestedDocument, type SigningRequest } from "../sync-server/sign/index.ts";
import type { Io } from "./io.ts";
import { printJson, printLine, printTable } from "./print.ts";

export function printList(io: Io, { roles, unused }: ListedKeys): void {
  const place = ({ where, file }: ListedKey): string => (where === "elsewhere" ? "elsewhere" : `keys/${file ?? ""}${where === "locked" ? ", locked" : ""}`);
  for (const { role, version, expires, threshold, keys } of roles) {
    const dated = expires === undefined ? "nothing signed yet" : `version ${version}, expires ${new Date(expires).toISOString()}`;
    printLine(io, `${role}  ${threshold} of ${keys.length} must sign; ${dated}`);
    printTable(io, keys.map((key) => [key.keyid, place(key)]));
  }
  if (unused.length === 0) return;
  printLine(io, "sign for no role");
  printTable(io, unused.map((key) => [key.keyid, place(key)]));
}

export function printMade(io: Io, folder: string, made: MadeKey | undefined): void {
  if (made !== undefined) io.err(`A new key is in ${folder}/keys/${made.name}; its id is ${made.keyid}.`);
}

export function printChanged(io: Io, { published, made }: KeysChanged, json: boolean): void {
  if (json) return printJson(io, { published: Object.fromEntries(published), made: made ?? null });
  printLine(io, published.size === 0 ? "unchanged: everything is in place" : `published ${[...published].map(([role, version]) => `${role} ${version}`).join(", ")}`);
}

/** What documents say, and which signatures they lack. */
export function printAsked(io: Io, request: SigningRequest, documents: readonly RequestedDocument[] = request.documents): void {
  for (const document of documents) for (const line of describeDocument(document)) printLine(io, line);
  const open = [...stillAsked(request)].flatMap(([role, all]) => all.map((asked) => ({ role, ...asked })));
  if (open.every(({ outgoing }) => outgoing === true)) printLine(io, "enough keys signed everything");
  for (const { role, keyids, threshold, outgoing } of open) {
    const keys = `${threshold} of ${keyids.map((keyid) => keyid.slice(0, 12)).join(", ")}`;
    printLine(io, outgoing === true ? `${role} should be signed by its old keys too, unless they are lost: ${keys}` : `${role} still lacks ${keys}`);
  }
}

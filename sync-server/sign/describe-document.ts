import { parseSigned } from "./documents.ts";
import type { RequestedDocument } from "./signing-request.ts";
import { printExpiry, type RoleKeys } from "../../protocol/tuf/index.ts";

/** What a signature would be over, read from the very metadata: what somebody says of it is worth nothing. */
export function describeDocument({ role, signed }: Pick<RequestedDocument, "role" | "signed">): readonly string[] {
  const until = (version: number, expires: number): string => `${role} version ${version}, good until ${printExpiry(expires)}`;
  if (role === "root") {
    const root = parseSigned("root", signed).signed;
    return [until(root.version, root.expires), ...(["root", "targets", "snapshot", "timestamp"] as const).map((name) => `  ${name}: ${signersText(root.roles[name])}`)];
  }
  const { version, expires, targets, delegations } = parseSigned("targets", signed).signed;
  return [
    until(version, expires),
    ...delegations.roles.map((delegation) => `  ${delegation.name}: ${signersText(delegation)}, for ${delegation.paths?.join(", ") ?? "paths by their hash"}`),
    ...[...targets].map(([path, { hashes, length }]) => `  ${path}: ${[...hashes].map(([name, hash]) => `${name}:${hash}`).join(", ")}, ${length} bytes`),
  ];
}

function signersText({ keyids, threshold }: RoleKeys): string {
  return `${threshold} of ${keyids.map((keyid) => keyid.slice(0, 12)).join(", ")}`;
}

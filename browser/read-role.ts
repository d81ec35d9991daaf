import * as v from "valibot";
import { AshoreError } from "../protocol/errors.ts";
import { MESSAGE_PROTOCOL, type WorkerRole } from "../protocol/messages.ts";

const ashore = v.literal(MESSAGE_PROTOCOL);
const roleSchema = v.variant("role", [
  v.object({ ashore, role: v.literal("engine"), server: v.string(), scope: v.string(), owner: v.string() }),
  v.object({ ashore, role: v.literal("host"), scope: v.string() }),
]);

/** What a page's worker is told to be. @throws PROTOCOL_MISMATCH */
export function readRole(data: unknown): WorkerRole {
  const read = v.safeParse(roleSchema, data);
  if (read.success) return read.output;
  throw new AshoreError("PROTOCOL_MISMATCH", `The page's worker, of protocol ${MESSAGE_PROTOCOL} of Ashore, is told to be what it does not know: the page is of another release. Reload it.`);
}

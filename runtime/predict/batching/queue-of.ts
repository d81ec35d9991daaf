import type { TensorInfo } from "../../../protocol/manifest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import type { Signature } from "../signature.ts";

const QUEUES = new WeakMap<Signature, { readonly name: string | undefined }>();

/**
 * The name of the queue that a signature def's requests wait in, the same for signature defs that feed and fetch the same tensors;
 * undefined for one that says itself that it has no batch dimension, whose requests run one by one.
 */
export function queueOf(signature: Signature): string | undefined {
  let queue = QUEUES.get(signature);
  if (queue === undefined) QUEUES.set(signature, (queue = { name: nameQueue(signature) }));
  return queue.name;
}

function nameQueue({ def, feeds, fetches }: Signature): string | undefined {
  const infos = [...Object.values(def.inputs), ...Object.values(def.outputs)];
  // A default has as many rows as it has, whatever else is asked for.
  if (def.defaults !== undefined || !infos.every(mayBeBatch)) return undefined;
  return JSON.stringify([feeds.map(({ name }) => name).sort(), [...fetches].sort()]);
}

function mayBeBatch({ shape }: TensorInfo): boolean {
  return shape === null || shape[0] === -1;
}

/** The 0th dimension of all feeds. @throws INVALID_ARGUMENT, in TensorFlow Serving's words, where they have no such */
export function rowsOf(feeds: NamedTensors): number {
  let rows: number | undefined;
  for (const name in feeds) {
    const size = feeds[name]?.shape[0];
    if (size === undefined) throw new AshoreError("INVALID_ARGUMENT", "Batching Run() input tensors must have at least one dimension");
    if (size !== (rows ??= size)) throw new AshoreError("INVALID_ARGUMENT", "Batching Run() input tensors must have equal 0th-dimension size");
  }
  return rows ?? 0;
}

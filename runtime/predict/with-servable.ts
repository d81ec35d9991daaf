import { asAshoreError } from "../../protocol/errors.ts";
import { isLoss, type Manager, type Selector, type Servable } from "../activate/index.ts";
import type { WithSignal } from "../ports.ts";

/**
 * Pins the version that a request asks for while `use` runs; waits for it at a start, and while it moves to another place. If its engine dies meanwhile, the request is tried once more, on
 * the version as it is loaded again or on the one that answers instead: inference is pure, so nothing happens twice. `use` is told that it is `again`.
 * @throws what `Manager.acquire` and `use` throw; ENGINE_CRASHED or ENGINE_GONE if the second engine dies too
 */
export async function withServable<T>(manager: Manager, model: string, selector: Selector, use: (servable: Servable, again: boolean) => Promise<T>, options: WithSignal = {}): Promise<T> {
  const handle = manager.waitsFor(model) ? await manager.available(model, selector, options) : manager.acquire(model, selector);
  const { servable } = handle;
  try {
    return await use(servable, false);
  } catch (thrown) {
    const error = asAshoreError(thrown);
    if (!isLoss(error)) throw error;
    manager.crashed(servable, error);
  } finally {
    handle.release();
  }
  const second = await manager.available(model, selector, options);
  try {
    return await use(second.servable, true);
  } finally {
    second.release();
  }
}

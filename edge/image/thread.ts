import { parentPort } from "node:worker_threads";
import { toWireError } from "../../protocol/errors.ts";
import type { FromImageThread, ToImageThread } from "./messages.ts";
import { prepareImage } from "./prepare-image.ts";

/** The script of the thread that decodes images, so that a large one stalls no other request. */

const port = parentPort;
if (port === null) throw new Error("This is the script of an image thread; createImageThread starts it.");

port.on("message", ({ bytes, how }: ToImageThread) => {
  const post = (message: FromImageThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  try {
    const image = prepareImage(bytes, how);
    post({ type: "prepared", image }, [image.values.buffer]);
  } catch (thrown) {
    post({ type: "failed", error: toWireError(thrown) });
  }
});

import { backend, getBackend } from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { useBackend, type BackendProvider } from "../../../engine/backends.ts";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import { standardBackends } from "../../../engine/standard-backends.ts";
import { WASM_PATH } from "../../support/wasm-path.ts";

const provider = (name: string, wasmPath: string): BackendProvider => {
  const found = standardBackends({ wasmPath }).find((one) => one.name === name);
  if (found === undefined) throw new TypeError(name);
  return found;
};

test("a backend that does not start is told, where TF.js would go on with another", async () => {
  const quiet = vi.spyOn(console, "warn").mockImplementation(() => {});
  const broken: BackendProvider = { ...provider("wasm", WASM_PATH), start: async () => false };
  await expect(useBackend(broken)).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  const silent: BackendProvider = { ...broken, start: async () => true };
  await expect(useBackend(silent)).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  expect(() => createInProcessEngineHost({ backends: ["webgpu"] })).toThrow(expect.objectContaining({ code: "BACKEND_UNAVAILABLE" }));
  quiet.mockRestore();
});

test("starting the wasm backend leaves no listener on the process and nothing on the console", async () => {
  const spies = (["log", "info", "warn", "error"] as const).map((name) => vi.spyOn(console, name));
  const listeners = () => ["uncaughtException", "unhandledRejection"].map((event) => process.listeners(event as "uncaughtException"));
  const before = listeners();
  await useBackend(provider("wasm", WASM_PATH));
  expect(listeners()).toEqual(before);
  expect(getBackend()).toBe("wasm");
  expect(backend().constructor.name).toBe("BackendWasm");
  await useBackend(provider("cpu", WASM_PATH));
  expect(getBackend()).toBe("cpu");
  await useBackend(provider("wasm", WASM_PATH));
  expect(getBackend()).toBe("wasm");
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
});

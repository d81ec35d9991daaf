import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { createThreadedEngineHost } from "../../edge/engine-host.ts";
import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import { describeEngineHost } from "./engine-host.ts";

const wasmPath = join(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out") + sep;

describeEngineHost("the engine host in this realm", () => createInProcessEngineHost({ wasmPath }));
describeEngineHost("the engine host with a thread for each model", () => createThreadedEngineHost());

import { createThreadedEngineHost } from "../../edge/engine-host.ts";
import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import { WASM_PATH } from "../support/wasm-path.ts";
import { describeEngineHost } from "./engine-host.ts";

describeEngineHost("the engine host in this realm", () => createInProcessEngineHost({ wasmPath: WASM_PATH }));
describeEngineHost("the engine host with a thread for each model", () => createThreadedEngineHost());

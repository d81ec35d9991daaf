import { readFileSync } from "node:fs";
import { processIo } from "./io.ts";
import { runCli } from "./program.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string };

process.exitCode = await runCli(process.argv.slice(2), { io: processIo(), version });

#!/usr/bin/env node
// Runs train.ts, which Node 20 cannot read by itself:
//   node demo/model/train.mjs [--only VERSION] [MNIST_FOLDER]
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { module } = await runnerImport(here("train.ts"), { root: here("../.."), configFile: false, logLevel: "error" });
await module.train(here(".."), process.argv.slice(2));

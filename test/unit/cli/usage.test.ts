import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { run } from "./run-cli.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "ashore-cli-"));
});

const COMMANDS = ["serve", "publish", "edge", "inspect", "verify", "gc", "keys", "renew", "tokens"];

test("help lists the commands, on standard output, with status 0", async () => {
  const { status, out, err } = await run(cwd, "--help");
  expect(status).toBe(0);
  expect(err).toBe("");
  for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command} `, "m"));
});

test.each(COMMANDS)("%s --help says how it is used", async (command) => {
  const { status, out } = await run(cwd, command, "--help");
  expect(status).toBe(0);
  expect(out).toMatch(new RegExp(`Usage: ashore ${command}`));
});

test("nothing at all is wrong use, and the help says what there is", async () => {
  const { status, out, err } = await run(cwd);
  expect([status, out]).toEqual([2, ""]);
  expect(err).toMatch(/Usage: ashore/);
});

test("--version prints the package's", async () => {
  expect(await run(cwd, "--version")).toEqual({ status: 0, out: "0.0.0-test\n", err: "" });
});

describe("wrong use ends with status 2 and one line that says why", () => {
  test.each([
    [["sreve"], /USAGE: unknown command 'sreve'/],
    [["serve", "--prot", "1"], /USAGE: unknown option '--prot' \(Did you mean --port\?\)/],
    [["serve", "--enable_baching=true"], /USAGE: unknown option '--enable_baching' \(Did you mean --enable_batching\?\)/],
    [["edge", "--server", "http://localhost:1", "--data", "d", "--enable_baching=true"], /USAGE: unknown option '--enable_baching' \(Did you mean --enable_batching\?\)/],
    [["serve", "--enable_baching"], /USAGE: unknown option '--enable_baching' \(Did you mean --enable_batching\?\)/],
    [["serve", "--log_format", "xml"], /USAGE: option '--log_format <format>' argument 'xml' is invalid/],
    [["serve", "--port", "http"], /CONFIG_INVALID: --port=http must be a port number/],
    [["serve", "--rest_api_port=70000"], /CONFIG_INVALID: --rest_api_port=70000 must be a port number from 0 to 65535/],
    [["serve", "--model_name=digits"], /CONFIG_INVALID: .*model digits has no base path/],
    [["serve", "--config", "none.yaml"], /CONFIG_INVALID: --config=none.yaml cannot be read/],
    [["publish", "--model", "a"], /USAGE: Name the folder of the version's files/],
    [["publish", "here"], /USAGE: --model NAME is missing/],
    [["publish", "here", "--model", "a", "--version", "1", "--prepare", "f"], /USAGE: --prepare is for --to/],
    [["publish", "here", "--to", "http://localhost:1", "--signed", "f"], /USAGE: --signed FILE goes with --to URL, and without a folder/],
    [["publish", "here", "--model", "a/b", "--version", "1"], /NAME_INVALID: "a\/b" is not a model name/],
    [["publish", "here", "--model", "a"], /USAGE: here is no number, so --version must say which version this is/],
    [["publish", "1", "--model", "a", "--version", "0"], /USAGE: --version 0 is not a version/],
    [["publish", "1", "--model", "a", "--min_version", "x"], /USAGE: --min_version x is not a version/],
    [["publish", "1", "--model", "a", "--to", "localhost:8501", "--token", "t"], /USAGE: --to localhost:8501 is not a URL/],
    [["publish", "1", "--model", "a", "--to", "http://localhost:1"], /USAGE: --to needs a token: --token TOKEN, or the environment's ASHORE_TOKEN/],
    [["publish", "1", "--model", "a", "--to", "http://localhost:1", "--token", "t", "--data", "d"], /USAGE: option '--to <url>' cannot be used with option '--data <folder>'/],
    [["tokens"], /USAGE/],
    [["tokens", "add", "targets", "--data", "d"], /NAME_INVALID: "targets" is no publisher's role/],
    [["edge", "--data", "d"], /USAGE: required option '--server <url>' not specified/],
    [["edge", "--server", "localhost:8501", "--data", "d"], /USAGE: server localhost:8501 is not a URL/],
    [["edge", "--server", "http://localhost:1", "--data", "d", "--rest_api_port", "-1"], /USAGE: --rest_api_port -1 is not a number from 0 to 65535/],
    [["edge", "--server", "http://localhost:1", "--data", "d", "--root", "none.json"], /CONFIG_INVALID: --root none.json cannot be read/],
    [["edge", "--server", "http://localhost:1", "--data", "d", "--models", "a,,b"], /NAME_INVALID: "" is not a model name/],
    [["verify", "server"], /USAGE: <url> server is not a URL/],
    [["inspect", "http://localhost:1/v1/models"], /USAGE: .* is no place where manifests are/],
    [["gc"], /USAGE: required option '--data <folder>' not specified/],
    [["keys"], /USAGE/],
  ] as [string[], RegExp][])("ashore %j", async (argv, line) => {
    const { status, out, err } = await run(cwd, ...argv);
    expect([status, out]).toEqual([2, ""]);
    expect(err.split("\n")).toHaveLength(1);
    expect(err).toMatch(/^ashore: [A-Z_]+: /);
    expect(err).toMatch(line);
  });
});

test("work that fails ends with status 1, the code and the reason", async () => {
  const { status, err } = await run(cwd, "inspect", "nowhere");
  expect(status).toBe(1);
  expect(err).toMatch(/^ashore: NOT_FOUND: The folder .*nowhere cannot be read/);
});

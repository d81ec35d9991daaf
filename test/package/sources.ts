import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, type ESTree } from "vite";

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The rooms whose code is shipped, in the order of the flow. */
export const ROOMS = ["protocol", "engine", "runtime", "edge", "sync-server", "cli"] as const;

/** A source file as the laws see it. */
export interface Source {
  /** From the root, with `/`. */
  readonly path: string;
  readonly program: ESTree.Program;
  /** What it imports, re-exports or loads by `import()`, types included: own files as paths from the root, the rest as written. */
  readonly imports: readonly string[];
}

/** Every TypeScript file of the given rooms. */
export function sourcesOf(...rooms: readonly string[]): Source[] {
  return rooms.flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => parse(posix.join(room, file.replaceAll("\\", "/")))),
  );
}

function parse(path: string): Source {
  const code = readFileSync(join(ROOT, path), "utf8");
  const { program, module, errors } = parseSync(path, code);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors.map((error) => error.message).join("; ")}`);
  const specifiers = [
    ...module.staticImports.map((found) => found.moduleRequest.value),
    ...module.staticExports.flatMap((found) => found.entries.map((entry) => entry.moduleRequest?.value)),
    ...module.dynamicImports.map(({ moduleRequest }) => /^["'`](.*)["'`]$/.exec(code.slice(moduleRequest.start, moduleRequest.end))?.[1]),
  ];
  const imports = specifiers
    .filter((specifier) => specifier !== undefined)
    .map((specifier) => (specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier));
  return { path, program, imports: [...new Set(imports)] };
}

/** The first folder of a path from the root. */
export const roomOf = (path: string): string => path.split("/", 1)[0] ?? "";

/** The package of a bare specifier: of `@scope/name/sub` it is `@scope/name`. */
export const packageOf = (specifier: string): string => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/** True for a path from the root, false for a package or one of Node's modules. */
export const isOwn = (specifier: string): boolean => specifier.endsWith(".ts");

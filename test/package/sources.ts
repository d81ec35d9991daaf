import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, type ESTree } from "vite";

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The rooms whose code is shipped, in the order of the flow. */
export const ROOMS = ["protocol", "engine", "runtime", "browser", "service-worker", "client", "edge", "sync-server", "cli"] as const;

/** A source file as the laws see it. */
export interface Source {
  /** From the root, with `/`. */
  readonly path: string;
  readonly program: ESTree.Program;
  /** The own files that it imports, re-exports or loads by `import()`, types included, as paths from the root. */
  readonly imports: readonly string[];
  /** The packages and Node's modules, likewise, as written. */
  readonly externals: readonly string[];
}

/** Every TypeScript file of the given rooms. */
export function sourcesOf(...rooms: readonly string[]): Source[] {
  return rooms.flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => parse(posix.join(room, file.replaceAll("\\", "/")))),
  );
}

/** A file by its path from the root. */
export function parse(path: string): Source {
  const code = readFileSync(join(ROOT, path), "utf8");
  const { program, module, errors } = parseSync(path, code);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors.map((error) => error.message).join("; ")}`);
  const specifiers = new Set([
    ...module.staticImports.map((found) => found.moduleRequest.value),
    ...module.staticExports.flatMap((found) => found.entries.flatMap((entry) => entry.moduleRequest?.value ?? [])),
    ...module.dynamicImports.flatMap(({ moduleRequest }) => /^["'`](.*)["'`]$/.exec(code.slice(moduleRequest.start, moduleRequest.end))?.[1] ?? []),
  ]);
  const isOwn = (specifier: string): boolean => specifier.startsWith(".");
  return {
    path,
    program,
    imports: [...specifiers].filter(isOwn).map((specifier) => posix.join(posix.dirname(path), specifier)),
    externals: [...specifiers].filter((specifier) => !isOwn(specifier)),
  };
}

/** The first folder of a path from the root. */
export const roomOf = (path: string): string => path.split("/", 1)[0] ?? "";

/** The package of a bare specifier: of `@scope/name/sub` it is `@scope/name`. */
export const packageOf = (specifier: string): string => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

import { parseSync, Visitor } from "vite";

/** What a script would load when it runs, by `import`, `import()`, `require()` or `importScripts()`: as it is written. */
export function scriptLoads(code: string, sourceType: "script" | "module"): string[] {
  const { program, module, errors } = parseSync("script.js", code, { sourceType });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("; "));
  const found = module.staticImports.map(({ moduleRequest }) => `import ${moduleRequest.value}`);
  const LOADERS = ["require", "importScripts"];
  new Visitor({
    ImportExpression({ start, end }) {
      found.push(code.slice(start, end));
    },
    CallExpression({ start, end, callee }) {
      const named = callee.type === "Identifier" && LOADERS.includes(callee.name);
      const ofSelf = callee.type === "MemberExpression" && callee.property.type === "Identifier" && callee.property.name === "importScripts";
      if (named || ofSelf) found.push(code.slice(start, end));
    },
  }).visit(program);
  return found;
}

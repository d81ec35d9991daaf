import * as v from "valibot";
import { isCollection, isMap, isPair, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { AshoreError } from "../../protocol/errors.ts";
import { basePathSchema, booleanSchema, labelsSchema, modelNameSchema, pathSchema, policySchema, versionSchema } from "./schemas.ts";
import { SETTINGS, settingValuesSchema, type ModelSettings, type Settings } from "./settings.ts";

const modelEntries = {
  base_path: basePathSchema,
  version_policy: v.optional(policySchema),
  version_labels: v.optional(labelsSchema),
};

const fileSchema = v.pipe(
  v.strictObject(
    {
      ...modelEntries,
      base_path: v.optional(basePathSchema),
      model: v.optional(modelNameSchema),
      models: v.optional(v.array(v.strictObject({ model: modelNameSchema, ...modelEntries }, keyFault), "must be a list of models")),
      model_name: v.optional(modelNameSchema),
      model_base_path: v.optional(basePathSchema),
      inference: v.optional(booleanSchema),
      ...settingValuesSchema.entries,
      // Of `npm start` alone, so no key that is known here.
      demo: v.optional(v.strictObject({ site: pathSchema, model: modelNameSchema, next: v.strictObject({ version: versionSchema, folder: pathSchema }, keyFault) }, keyFault)),
    },
    keyFault,
  ),
  v.check(({ model, model_name }) => model === undefined || model_name === undefined, "has both `model` and `model_name`, which are one: keep one of them"),
  v.check(({ base_path, model_base_path }) => base_path === undefined || model_base_path === undefined, "has both `base_path` and `model_base_path`, which are one: keep one of them"),
  v.check((file) => file.models === undefined || !namesOne(file), "has both `models` and `model` or `base_path`: keep one of the two forms"),
  v.check((file) => file.model_config_file === undefined || (file.models === undefined && !namesOne(file)), "has both `model_config_file` and models of its own: keep one of the two"),
);

interface OneModel {
  readonly model?: unknown;
  readonly model_name?: unknown;
  readonly base_path?: unknown;
  readonly model_base_path?: unknown;
}

function namesOne({ model, model_name, base_path, model_base_path }: OneModel): boolean {
  return [model, model_name, base_path, model_base_path].some((value) => value !== undefined);
}

function keyFault(issue: v.StrictObjectIssue): string {
  if (issue.expected === "never") return `is not a key that is known here (${KNOWN_KEYS})`;
  return issue.received === "undefined" ? "is missing" : "must be keys and values";
}

const KNOWN_KEYS = `model, base_path, version_policy, version_labels, or models as a list of these; ${["inference", ...Object.keys(SETTINGS)].join(", ")}`;

/**
 * The settings of a YAML file's text. Paths come out as written; the reader resolves them against the file's folder.
 * @throws CONFIG_INVALID with every fault, each with its line and key
 */
export function parseYamlSettings(text: string, file: string): Settings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false, logLevel: "error" });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    throw new AshoreError("CONFIG_INVALID", `${file}:${lines.linePos(syntax.pos[0]).line} is not YAML: ${syntax.message}`, { cause: syntax });
  }
  if (document.contents !== null && !isMap(document.contents)) throw new AshoreError("CONFIG_INVALID", `${file}:1: the file must be keys and values, one a line.`);
  const result = v.safeParse(fileSchema, document.toJS() ?? {});
  if (!result.success) {
    const faults = result.issues.slice(0, 8).map((issue) => {
      const path = (issue.path ?? []).map((item) => item.key);
      const key = v.getDotPath(issue) ?? "the file";
      return `${file}:${lineOf(document, lines, path)}: ${key} ${issue.message}`;
    });
    throw new AshoreError("CONFIG_INVALID", faults.join("; "));
  }
  return settingsOf(result.output);
}

function settingsOf({ models, model, model_name, base_path, model_base_path, version_policy, version_labels, ...others }: v.InferOutput<typeof fileSchema>): Settings {
  const one = { model: model ?? model_name, base_path: base_path ?? model_base_path, version_policy, version_labels };
  return { ...others, models: models?.map(modelOf) ?? (Object.values(one).some((value) => value !== undefined) ? [modelOf(one)] : undefined) };
}

function modelOf(entry: Pick<v.InferOutput<typeof fileSchema>, "model" | keyof typeof modelEntries>): ModelSettings {
  return { name: entry.model, basePath: entry.base_path, policy: entry.version_policy, labels: entry.version_labels };
}

/** The line of the key that a path leads to, or of the deepest part of it that is there. */
function lineOf(document: Document, lines: LineCounter, path: readonly unknown[]): number {
  let offset = 0;
  for (let depth = 1; depth <= path.length; depth += 1) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    const pair = isMap(parent) ? parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key) : undefined;
    const node: unknown = pair?.key ?? (isCollection(parent) ? document.getIn(path.slice(0, depth), true) : undefined);
    if (!isScalar(node) && !isCollection(node)) break;
    offset = node.range?.[0] ?? offset;
  }
  return lines.linePos(offset).line;
}

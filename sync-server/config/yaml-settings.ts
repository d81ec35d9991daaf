import * as v from "valibot";
import { isCollection, isMap, isPair, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { AshoreError } from "../../protocol/errors.ts";
import { basePathSchema, labelsSchema, modelNameSchema, pathSchema, policySchema, portSchema, secondsSchema, tagsSchema, versionSchema, type ModelSettings, type Settings } from "./settings.ts";

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
      port: v.optional(portSchema),
      host: v.optional(pathSchema),
      data: v.optional(pathSchema),
      file_system_poll_wait_seconds: v.optional(secondsSchema),
      inference: v.optional(v.boolean("must be true or false")),
      ssl_cert: v.optional(pathSchema),
      ssl_key: v.optional(pathSchema),
      saved_model_tags: v.optional(tagsSchema),
      // Of `npm start` alone, so no key that is known here.
      demo: v.optional(v.strictObject({ site: pathSchema, model: modelNameSchema, next: v.strictObject({ version: versionSchema, folder: pathSchema }, keyFault) }, keyFault)),
    },
    keyFault,
  ),
  v.check((file) => file.models === undefined || (file.model === undefined && file.base_path === undefined), "has both `models` and `model` or `base_path`: keep one of the two forms"),
);

function keyFault(issue: v.StrictObjectIssue): string {
  if (issue.expected === "never") return `is not a key that is known here (${KNOWN_KEYS})`;
  return issue.received === "undefined" ? "is missing" : "must be keys and values";
}

const KNOWN_KEYS =
  "model, base_path, version_policy, version_labels, or models as a list of these; port, host, data, file_system_poll_wait_seconds, inference, ssl_cert, ssl_key, saved_model_tags";

/**
 * The settings of a YAML file's text. Paths come out as written; the reader resolves them against the file's folder.
 * @throws CONFIG_INVALID with every fault, each with its line and key
 */
export function parseYamlSettings(text: string, file: string): Settings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
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

function settingsOf(file: v.InferOutput<typeof fileSchema>): Settings {
  const single = file.model !== undefined || file.base_path !== undefined || file.version_policy !== undefined || file.version_labels !== undefined;
  return {
    models: file.models?.map(modelOf) ?? (single ? [modelOf(file)] : undefined),
    data: file.data,
    host: file.host,
    port: file.port,
    pollWaitSeconds: file.file_system_poll_wait_seconds,
    inference: file.inference,
    sslCert: file.ssl_cert,
    sslKey: file.ssl_key,
    savedModelTags: file.saved_model_tags,
    demo: file.demo,
  };
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

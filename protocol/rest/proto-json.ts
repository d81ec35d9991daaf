/** What protobuf escapes besides what JSON must: `<`, `>`, and characters that do not show. */
const ESCAPED =
  /[\u{17b4}\u{17b5}<>\u{7f}-\u{9f}\u{ad}\u{600}-\u{603}\u{6dd}\u{70f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2064}\u{206a}-\u{206f}\u{feff}\u{fff9}-\u{fffb}\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/gu;

/** Plain data in the layout of protobuf's JSON printer with white space on: one space a level, empty lists and objects on one line. */
export function printProtoJson(value: object): string {
  return JSON.stringify(value, null, 1).replace(ESCAPED, (escaped) => Array.from({ length: escaped.length }, (_, at) => `\\u${escaped.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""));
}

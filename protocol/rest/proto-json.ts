/**
 * Plain data in the layout of protobuf's JSON printer with white space on: one space a level, empty lists and objects on
 * one line, `<` and `>` escaped besides what JSON must escape.
 */
export function printProtoJson(value: object): string {
  return JSON.stringify(value, null, 1).replace(/[<>\u007f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** One request and what TensorFlow Serving's decoder makes of it. */
export type ReadVector = readonly [clause: string, inputs: string, body: string, expected: string];

/** Rows of one clause for one list of inputs. */
export function group(clause: string, inputs: string, rows: readonly (readonly [body: string, expected: string])[]): ReadVector[] {
  return rows.map(([body, expected]) => [clause, inputs, body, expected]);
}

export function inElement(index: number, status: string): string {
  return `400 Failed to process element: ${index} of 'instances' list. Error: ${status}`;
}

export function inKey(index: number, key: string, status: string): string {
  return `400 Failed to process element: ${index} key: ${key} of 'instances' list. Error: ${status}`;
}

/** RapidJSON's words and where. */
export function parseError(text: string, offset: number): string {
  return `400 JSON Parse error: ${text}. at offset: ${offset}`;
}

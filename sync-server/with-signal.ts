/** What every asynchronous function of the server takes last. */
export interface WithSignal {
  readonly signal?: AbortSignal | undefined;
}

/**
 * What computing needs of an `AbortSignal`, which is one. A platform's own costs several microseconds to make and to listen
 * to, a good part of what a small model's request costs; a request's deadline can be one without them.
 */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

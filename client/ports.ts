/** What the client needs of its page, so that everything but the last step can be tried without one. */

/** A worker, as who asks it sees it. The port that answers come over is the first transferred object. */
export interface Postable {
  postMessage(message: unknown, transfer: object[]): void;
}

/** Whatever worker hosts the runtime: the service worker, or the page's own. */
export interface Target {
  /** The worker to post to now; registers or starts one where there is none. @throws WORKER_FAILED */
  worker(): Promise<Postable>;
  /** Hears when another worker is in charge; with a reason, when the one in charge could not start. */
  onChange(listener: (reason?: Error) => void): void;
  /** The worker in charge is known to be dead. */
  ended(): void;
  /** A service worker alone: looks for a newer one, and puts it in charge. Answers whether there is one. */
  renew?(): Promise<boolean>;
  close(): void;
}

/** The page's side of a request's MessageChannel. */
export interface AnswerPort {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  start(): void;
  close(): void;
}

export type OpenChannel = () => { readonly port1: AnswerPort; readonly port2: object };

/** As `navigator.locks`. */
export interface Locks {
  request(name: string, options: { readonly mode: "shared"; readonly signal: AbortSignal }, callback: () => void): Promise<unknown>;
}

export interface Timers {
  /** Calls `run` once, after that many milliseconds; the answer prevents it. */
  after(ms: number, run: () => void): () => void;
}

/** As a `BroadcastChannel`. */
export interface NewsChannel {
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  close(): void;
}

/** What decides when a page looks for news. */
export interface PageLife extends Timers {
  /** Uniform in [0, 1). */
  random(): number;
  isHidden(): boolean;
  /** Calls when the page becomes visible, and when the network is back; the answer ends that. */
  onWake(listener: () => void): () => void;
  /** Calls once, when the page has nothing better to do; the answer prevents it. */
  whenIdle(run: () => void): () => void;
}

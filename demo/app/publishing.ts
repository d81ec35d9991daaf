/** What the server's demo can move. */
export interface Publishing {
  /** Makes a version the newest that devices are offered. @throws Error with the server's reason */
  moveTo(version: number): Promise<void>;
}

const URL_PATH = "/demo/publish";

/** The server's control, which only `npm start` has; undefined elsewhere. */
export async function findPublishing(): Promise<Publishing | undefined> {
  const found = await fetch(URL_PATH, { cache: "no-store" }).catch(() => undefined);
  if (found?.ok !== true) return undefined;
  return {
    async moveTo(version) {
      const answer = await fetch(URL_PATH, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ version }) });
      if (!answer.ok) throw new Error(await reasonOf(answer));
    },
  };
}

async function reasonOf(answer: Response): Promise<string> {
  const body: unknown = await answer.json().catch(() => undefined);
  if (typeof body === "object" && body !== null && "error" in body && typeof body.error === "string") return body.error;
  return `The server answered ${answer.status} ${answer.statusText}`.trimEnd();
}

/**
 * Works on all items, at most `width` at a time, and answers in their order. The first failure starts no further item and is
 * thrown once those under way have settled, so that nothing goes on behind the caller's back.
 */
export async function inParallel<Item, Result>(items: readonly Item[], width: number, work: (item: Item, at: number) => Promise<Result>): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  let failure: { readonly thrown: unknown } | undefined;
  async function lane(): Promise<void> {
    for (let at = next++; at < items.length && failure === undefined; at = next++) {
      try {
        results[at] = await work(items[at] as Item, at);
      } catch (thrown) {
        failure ??= { thrown };
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  if (failure !== undefined) throw failure.thrown;
  return results;
}

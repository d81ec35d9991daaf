import { expect, test } from "vitest";
import type { BatchingParameters } from "../../../../protocol/batching.ts";
import { AshoreError, asAshoreError } from "../../../../protocol/errors.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import type { PredictAnswer } from "../../../../runtime/predict/index.ts";
import { rounds, type Random } from "../../../fuzz/random.ts";
import { bench, type Bench } from "./bench.ts";

interface Request {
  readonly x: Tensor;
  readonly signatureDef: string;
  /** After so many turns. */
  readonly after: number;
  /** Leaves after so many turns more; undefined for one who stays. */
  readonly leaves: number | undefined;
}

function someParameters(random: Random): Partial<BatchingParameters> {
  const maxBatchSize = 4 + random.below(8);
  return {
    maxBatchSize,
    maxEnqueuedBatches: 1 + random.below(20),
    enableLargeBatchSplitting: random.chance(0.5),
    ...(random.chance(0.5) ? { maxExecutionBatchSize: 1 + random.below(maxBatchSize) } : {}),
    ...(random.chance(0.5) ? { allowedBatchSizes: [2, maxBatchSize] } : {}),
  };
}

function someRequest(random: Random): Request {
  const shape = random.of<readonly number[]>([[], [1], [2], [3], [2, 2], [0]]);
  const rows = random.below(6);
  const width = shape.reduce((product, size) => product * size, 1);
  // A negative number is what the model refuses.
  const data = Float32Array.from({ length: rows * width }, () => (random.chance(0.02) ? -1 - random.below(9) : random.below(100)));
  return { x: { dtype: "float32", shape: [rows, ...shape], data }, signatureDef: random.of(["serving_default", "again", "other", "total"]), after: random.below(12), leaves: random.chance(0.1) ? random.below(6) : undefined };
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const outcome = (answer: Promise<PredictAnswer>): Promise<unknown> =>
  answer.then(
    ({ outputs }) => outputs,
    (thrown: unknown) => asAshoreError(thrown).message,
  );

async function ask(b: Bench, { x, signatureDef, after, leaves }: Request): Promise<unknown> {
  await turns(after);
  const gone = new AbortController();
  const answer = outcome(b.ask(x, { signatureDef, signal: gone.signal }));
  if (leaves !== undefined) {
    await turns(leaves);
    gone.abort(new AshoreError("CANCELLED", "It left."));
  }
  return await answer;
}

test("every caller gets exactly what it would get alone, whoever else asks, leaves or fails", async () => {
  const seen = { requests: 0, together: 0, refused: 0 };
  await rounds(60, 7, async (random) => {
    const batching = someParameters(random);
    const before = ({ x }: { readonly x: readonly (readonly number[])[] }): void => {
      const bad = x.flat().find((value) => value < 0);
      if (bad !== undefined) throw new AshoreError("INVALID_ARGUMENT", "A number is negative.");
    };
    const b = await bench({ batching, before });
    const alone = await bench({ batching: null, before });
    const requests = Array.from({ length: 40 }, () => someRequest(random));
    b.hold();
    const answers = Promise.all(requests.map((request) => ask(b, request)));
    // The engine answers at times of its own.
    for (let turn = 0; turn < 30; turn++) {
      if (random.chance(0.4)) b.step();
      await turns(1);
    }
    b.go();
    const got = await answers;
    for (const [at, request] of requests.entries()) {
      const { x, signatureDef, leaves } = request;
      const answer = got[at];
      seen.requests++;
      if (leaves !== undefined && answer === "It left.") continue;
      if (typeof answer === "string" && /^(The batch scheduling queue|Task size)/.test(answer)) {
        // By its own size, or by how many wait: never by what others ask.
        if (answer.startsWith("Task size")) expect(x.shape[0]).toBeGreaterThan(batching.maxBatchSize ?? 0);
        seen.refused++;
        continue;
      }
      expect(answer).toEqual(await outcome(alone.ask(x, { signatureDef })));
    }
    seen.together += b.asked.filter(({ x }) => x.length > 5).length;
    expect(Math.max(...b.asked.map(({ x }) => x.length))).toBeLessThanOrEqual(Math.max(5, batching.maxBatchSize ?? 0));
  });
  // It was tried indeed.
  expect(seen.together).toBeGreaterThan(50);
  expect(seen.refused).toBeLessThan(seen.requests / 4);
});

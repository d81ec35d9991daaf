import { asAshoreError, httpStatus } from "../../protocol/errors.ts";

/** An error as TensorFlow Serving writes it, `{"error": text}`, and our code beside it. */
export function errorResponse(thrown: unknown): Response {
  const error = asAshoreError(thrown);
  return Response.json({ error: error.message, code: error.code }, { status: httpStatus(error.code), headers: { "Cache-Control": "no-store" } });
}

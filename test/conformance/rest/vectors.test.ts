import { describe, expect, test } from "vitest";
import { decode, elements, refusal } from "../../unit/rest/support.ts";
import { READ_VECTORS } from "./vectors.ts";

describe("input conversion, by section 10", () => {
  test.each(READ_VECTORS)("%s %s %s", (_clause, inputs, body, expected) => {
    expect(shown(inputs, body)).toBe(expected);
  });
});

function shown(inputs: string, body: string): string {
  let line = "";
  const refused = refusal(() => {
    const { format, tensors } = decode(inputs, body);
    const named = inputs.split(",").map((input) => {
      const [name = "", dtype = ""] = input.split(":");
      const tensor = tensors[name];
      return tensor === undefined ? `${name} missing` : `${name} ${dtype}[${tensor.shape.join(",")}]=(${elements(tensor, dtype)})`;
    });
    line = `${format} ${named.join(" ")}`;
  });
  return line === "" ? refused : line;
}

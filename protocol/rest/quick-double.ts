/**
 * RapidJSON's quick way from a literal to a double, which may miss the nearest one by a few units in the last place. Tensors
 * are read exactly; only what RapidJSON itself shows (the echo of a value in a message, the bound of an exponent) is computed
 * as it does (`rapidjson/reader.h`, `ParseNumber`, v1.1.0).
 */

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_LIMIT = 2n ** 63n;
const MOST_DIGITS = 17;
const LARGEST_POWER = 308;

/** The digits of a literal as RapidJSON gathers them, and how many of its fraction went in. */
export function quickSignificand(negative: boolean, whole: string, fraction: string): { readonly significand: number; readonly taken: number } {
  let exact = BigInt(whole);
  let digits = whole.length - 1;
  let significand: number | undefined;
  if (exact > (negative ? INT64_LIMIT : UINT64_MAX)) {
    let fitting = whole.length;
    while (exact > (negative ? INT64_LIMIT : UINT64_MAX)) exact = BigInt(whole.slice(0, --fitting));
    significand = Number(exact);
    for (const digit of whole.slice(fitting)) significand = significand * 10 + Number(digit);
    digits = MOST_DIGITS;
  }
  let taken = 0;
  if (significand === undefined) {
    for (; taken < fraction.length && exact <= Number.MAX_SAFE_INTEGER; taken++) {
      exact = exact * 10n + BigInt(fraction.charAt(taken));
      if (exact !== 0n) digits++;
    }
    significand = Number(exact);
  }
  for (; taken < fraction.length && digits < MOST_DIGITS; taken++) {
    significand = significand * 10 + Number(fraction.charAt(taken));
    if (significand > 0) digits++;
  }
  return { significand, taken };
}

/** A double literal's value as RapidJSON has it. */
export function quickDouble(literal: string): number {
  const [, sign, whole = "0", fraction = "", exponent = "0"] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?$/.exec(literal) ?? [];
  const { significand, taken } = quickSignificand(sign === "-", whole, fraction);
  const power = Number(exponent) - taken;
  const value = power < -LARGEST_POWER ? scale(scale(significand, -LARGEST_POWER), power + LARGEST_POWER) : scale(significand, power);
  return sign === "-" ? -value : value;
}

function scale(significand: number, power: number): number {
  if (power < -LARGEST_POWER) return 0;
  return power >= 0 ? significand * Number(`1e${power}`) : significand / Number(`1e${-power}`);
}

/**
 * A finite double as RapidJSON prints it (`internal/dtoa.h`): the fewest digits that read back, plain up to 21 whole digits
 * and five zeros after the point, `.0` for whole numbers, exponents without `+` or padding.
 */
export function shortestDouble(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const sign = value < 0 ? "-" : "";
  const [mantissa = "", power = ""] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = Number(power) + 1;
  if (point >= digits.length && point <= 21) return `${sign}${digits.padEnd(point, "0")}.0`;
  if (point > 0 && point <= 21) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (point > -6 && point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, 1)}${digits.length > 1 ? `.${digits.slice(1)}` : ""}e${point - 1}`;
}

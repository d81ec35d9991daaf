/**
 * A finite number as C's `%.{precision}g` prints it. JavaScript's own printers differ from C's in one thing: of two equally
 * near decimals they take the larger, C the even one.
 */
export function formatG(value: number, precision: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const sign = value < 0 ? "-" : "";
  const { digits, exponent } = roundedDigits(Math.abs(value), precision);
  const kept = digits.replace(/0+$/, "");
  if (exponent < -4 || exponent >= precision) {
    const fraction = kept.length > 1 ? `.${kept.slice(1)}` : "";
    return `${sign}${kept.slice(0, 1)}${fraction}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${kept}`;
  const whole = kept.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return kept.length > exponent + 1 ? `${sign}${whole}.${kept.slice(exponent + 1)}` : `${sign}${whole}`;
}

/**
 * A float as TensorFlow Serving prints it (`json_tensor.cc`, `WriteDecimal`): six digits if they read back to the same
 * number, else as many as its type needs (9 or 17; 16 bits never need more), and `.0` behind a whole number without an
 * exponent.
 */
export function formatDecimal(value: number, type: "float16" | "bfloat16" | "float32" | "float64"): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value < 0 ? "-Infinity" : "Infinity";
  const short = formatG(value, 6);
  const readBack = type === "float64" ? Number(short) : type === "float32" ? Math.fround(Number(short)) : value;
  const text = readBack === value ? short : formatG(value, type === "float32" ? 9 : 17);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** A positive number's `precision` digits, and the decimal exponent of the first. */
function roundedDigits(value: number, precision: number): { readonly digits: string; readonly exponent: number } {
  const rounded = splitExponential(value.toExponential(precision - 1));
  const longer = splitExponential(value.toExponential(precision));
  const last = longer.digits.charCodeAt(precision - 1) - 0x30;
  if (!longer.digits.endsWith("5") || last % 2 === 1 || !isExactly(value, longer.digits, longer.exponent - precision)) return rounded;
  return { digits: longer.digits.slice(0, -1), exponent: longer.exponent };
}

function splitExponential(text: string): { readonly digits: string; readonly exponent: number } {
  const [mantissa = "", exponent = ""] = text.split("e");
  return { digits: mantissa.replace(".", ""), exponent: Number(exponent) };
}

/** Whether a positive double is digits × 10^power, with nothing lost. */
function isExactly(value: number, digits: string, power: number): boolean {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & (2n ** 52n - 1n);
  let left = biased === 0 ? fraction : fraction | (2n ** 52n);
  let right = BigInt(digits);
  const twos = Math.max(biased, 1) - 1075;
  if (twos >= 0) left <<= BigInt(twos);
  else right <<= BigInt(-twos);
  if (power >= 0) right *= 10n ** BigInt(power);
  else left *= 10n ** BigInt(-power);
  return left === right;
}

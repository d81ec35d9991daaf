/** What every REST answer carries where cross-origin use is on (`--rest_api_enable_cors_support`). */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "POST, GET",
  "Access-Control-Allow-Headers": "Content-Type",
};

/** The status of an OPTIONS request; its body is empty and it has no content type. The CORS headers are for the caller to add. */
export function preflightStatus(origin: string | null | undefined): 200 | 400 {
  return origin?.includes("http://") === true || origin?.includes("https://") === true ? 200 : 400;
}

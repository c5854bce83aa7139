import type { Fault } from "../error.ts";
import { isJsonObject } from "../json.ts";

/**
 * Fields that Skyvern's clients send and that change nothing here: accepted, kept, returned, and named in a warning when they are set to
 * something.
 */
const UNUSED_WORKFLOW_FIELDS = new Set([
  "proxy_location",
  "persist_browser_session",
  "reuse_browser_session",
  "pin_saved_session_ip",
  "browser_profile_id",
  "browser_profile_key",
  "mask_secrets",
  "model",
  "max_screenshot_scrolls",
  "extra_http_headers",
  "cdp_connect_headers",
  "run_with",
  "ai_fallback",
  "cache_key",
  "adaptive_caching",
  "enable_self_healing",
  "code_version",
  "generate_script_on_terminal",
]);

/** Splits off what has no effect, and warns of it where it is set. */
export function setAside(input: unknown): { used: unknown; warnings: Fault[] } {
  if (!isJsonObject(input)) return { used: input, warnings: [] };
  const warnings = Object.keys(input)
    .filter((field) => UNUSED_WORKFLOW_FIELDS.has(field) && input[field] !== null && input[field] !== false)
    .map((field): Fault => ({ path: field, message: `"${field}" is kept and returned, and has no effect`, code: "invalid_value" }));
  return { used: Object.fromEntries(Object.entries(input).filter(([field]) => !UNUSED_WORKFLOW_FIELDS.has(field))), warnings };
}

import { z } from "zod";

const settingsSchema = z.object({
  LOG_LEVEL: z.enum(["info", "error"]).default("info"),
  PILOTFISH_ADMIN_TOKEN: z.string().min(16, "must have at least 16 characters"),
  PILOTFISH_ENCRYPTION_KEY: z.base64("must be base64").refine((text) => atob(text).length === 32, "must be 32 bytes in base64"),
});

/** Variables and secrets, checked. */
export interface Settings {
  readonly logLevel: "info" | "error";
  /** Opens the admin routes. */
  readonly adminToken: string;
  /** Base64 of the 32 bytes that stored secrets are encrypted with. */
  readonly encryptionKey: string;
}

/** @throws an error that names every variable that is missing or wrong, and how to set it */
export function readSettings(env: Env): Settings {
  const parsed = settingsSchema.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`);
    throw new Error(`The service is not configured: ${problems.join("; ")}. Set secrets with \`npx wrangler secret put NAME\`.`);
  }
  const { LOG_LEVEL, PILOTFISH_ADMIN_TOKEN, PILOTFISH_ENCRYPTION_KEY } = parsed.data;
  return { logLevel: LOG_LEVEL, adminToken: PILOTFISH_ADMIN_TOKEN, encryptionKey: PILOTFISH_ENCRYPTION_KEY };
}

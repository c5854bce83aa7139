import type { Context, MiddlewareHandler } from "hono";
import { ServiceError } from "../domain/error.ts";
import type { OrganizationId } from "../domain/id.ts";
import type { Organization } from "../domain/organization.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileLinks } from "../ports/files.ts";
import { isSameSecret, type Authenticate } from "../services/api-keys.ts";

/** What middleware tells the handlers. `organization` is there behind `requireApiKey`, `fileOwner` behind `requireFileAccess`. */
export interface AppEnv {
  Variables: { requestId: string; organization: Organization; fileOwner: OrganizationId };
}

/** Lets callers with a valid API key through, and tells handlers their organization (`c.get("organization")`). */
export function requireApiKey(authenticate: Authenticate): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const organization = await authenticate(requireCredential(c, "API key"));
    if (organization === null) throw unauthenticated("The API key is not valid: it is wrong, or was revoked.");
    c.set("organization", organization);
    await next();
  };
}

/**
 * Lets through who has a link to this file, made by the service and not yet expired, or else an API key. Tells handlers whose file may be read
 * (`c.get("fileOwner")`).
 */
export function requireFileAccess(
  deps: { links: FileLinks; clock: Clock },
  requireKey: MiddlewareHandler<AppEnv>,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { sig, expiry, kid } = c.req.query();
    if (sig === undefined && expiry === undefined && kid === undefined) {
      return await requireKey(c, async () => {
        c.set("fileOwner", c.get("organization").organizationId);
        await next();
      });
    }
    const path = c.req.path.replace(/\/$/, "");
    const checked = deps.links.check(path, { sig: sig ?? "", expiry: expiry ?? "", kid: kid ?? "" }, deps.clock.now());
    if (!checked.ok) {
      const why = checked.reason === "expired" ? "The link has expired: ask for the file again." : "The link is not one of this service.";
      throw new ServiceError("forbidden", why);
    }
    c.set("fileOwner", checked.organizationId);
    await next();
  };
}

/** Lets the administrator through. */
export function requireAdmin(adminToken: string): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!isSameSecret(requireCredential(c, "admin token"), adminToken)) throw unauthenticated("The admin token is wrong.");
    await next();
  };
}

/** Longer values are no key of anybody's. */
const CREDENTIAL_MAX_LENGTH = 512;

function requireCredential(c: Context<AppEnv>, what: string): string {
  const given = readCredential(c.req.header("x-api-key")) || readCredential(c.req.header("authorization"));
  if (given !== "" && given.length <= CREDENTIAL_MAX_LENGTH) return given;
  throw unauthenticated(`The ${what} is missing. Send it in the header x-api-key, or as "Authorization: Bearer …".`);
}

/** What Skyvern's clients send: perhaps in quotes, perhaps with "Bearer" before it. */
function readCredential(header: string | undefined): string {
  const unquote = (text: string) =>
    text
      .trim()
      .replace(/^(["'])(.*)\1$/, "$2")
      .trim();
  return unquote(unquote(header ?? "").replace(/^Bearer\s+/i, ""));
}

function unauthenticated(message: string): ServiceError {
  return new ServiceError("unauthenticated", message);
}

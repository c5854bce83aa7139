/**
 * Which fields of credentials an expression reads. The secret itself is fetched only for what is read, and only in the block that reads it; so
 * what is read must be plain from the text.
 */
import type { Fault } from "../error.ts";
import { CREDENTIAL_FIELDS } from "./credential.ts";
import type { Node } from "../expression/ast.ts";
import type { Expression } from "../expression.ts";
import { nearestName } from "../json.ts";

/** What an expression reads of one credential. */
export interface CredentialRead {
  /** The parameter by which it names the credential. */
  readonly key: string;
  /** Null where the parameter stands by itself: that is the credential's id, which is no secret. */
  readonly field: string | null;
  /** Read by `login[…]` with something that is not a plain text. */
  readonly computed: boolean;
}

/** @param keys of the parameters that name credentials */
export function credentialReads(expression: Expression, keys: { has(key: string): boolean }): CredentialRead[] {
  if (!expression.names.some((name) => keys.has(name))) return [];
  const reads: CredentialRead[] = [];
  visit(expression.program);
  return reads;

  function visit(value: unknown): void {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (typeof value === "object" && value !== null) visitNode(value);
  }

  function visitNode(node: Partial<Node>): void {
    if (node.type === "member" && node.object?.type === "name" && keys.has(node.object.name)) {
      const field = node.key?.type === "literal" && typeof node.key.value === "string" ? node.key.value : null;
      reads.push({ key: node.object.name, field, computed: field === null });
      if (field === null) visit(node.key);
    } else if (node.type === "name" && node.name !== undefined && keys.has(node.name)) {
      reads.push({ key: node.name, field: null, computed: false });
    } else {
      for (const child of Object.values(node)) visit(child);
    }
  }
}

/**
 * What is wrong with how an expression reads credentials.
 * @param mayRead may secrets be used where it stands?
 */
export function checkCredentialReads(expression: Expression, keys: { has(key: string): boolean }, mayRead: boolean): Omit<Fault, "path">[] {
  return credentialReads(expression, keys).flatMap(({ key, field, computed }): Omit<Fault, "path">[] => {
    if (computed) {
      return [
        {
          message: `the fields of the credential '${key}' are read by their names, as in {{ ${key}.password }}`,
          code: "invalid_expression",
        },
      ];
    }
    if (field === null) return [];
    if (!isCredentialField(field)) {
      const near = nearestName(field, CREDENTIAL_FIELDS);
      const hint = near === undefined ? `a credential has ${CREDENTIAL_FIELDS.join(", ")}` : `did you mean '${key}.${near}'?`;
      return [{ message: `'${key}.${field}' is not defined; ${hint}`, code: "undefined_name" }];
    }
    if (mayRead) return [];
    const message = `'${key}.${field}' may be secret and cannot be used here, where it would be kept with the run; use it in the field of the block that sends or types it`;
    return [{ message, code: "invalid_expression" }];
  });
}

function isCredentialField(field: string): boolean {
  return (CREDENTIAL_FIELDS as readonly string[]).includes(field) || /^billing_\w+$/.test(field);
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkDefinition } from "../domain/workflow/check-definition.ts";
import { blockCatalog, blockTypes } from "./registry.ts";

const project = join(import.meta.dirname, "..", "..");

const faultsOf = (input: unknown) => {
  const checked = checkDefinition(input, blockCatalog);
  return checked.ok ? checked.warnings : checked.faults;
};
const expectedCodes = (type: string) => (REFUSED.has(type) ? ["not_supported"] : NEEDING_A_MODEL.has(type) ? ["unavailable"] : []);

const NEEDING_A_MODEL = new Set(["task", "task_v2", "navigation", "action", "login", "validation", "text_prompt", "pdf_fill", "split_pdf"]);
const REFUSED = new Set(["code", "google_sheets_read", "google_sheets_write", "email_inbox", "file_upload"]);

describe("the documentation shows workflows that are judged as it says", () => {
  it.each(blockTypes.map((blockType) => [blockType.type, blockType.example] as const))("the example of %s", (type, example) => {
    expect(example.block_type).toBe(type);
    const faults = faultsOf({ title: "Example", workflow_definition: { blocks: [example] } });
    expect(faults.map(({ code }) => code)).toEqual(expectedCodes(type));
  });

  const examples = join(project, "docs", "examples");
  it.each(readdirSync(examples))("docs/examples/%s", (file) => {
    expect(faultsOf(JSON.parse(readFileSync(join(examples, file), "utf8")))).toEqual([]);
  });

  it("the workflow in twenty lines of the README", () => {
    const [, source] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(project, "README.md"), "utf8")) ?? [];
    expect(faultsOf(parse(source ?? ""))).toEqual([]);
  });
});

describe("the registry", () => {
  it("knows Skyvern's thirty block types", () => {
    const theirs =
      "task task_v2 navigation action extraction login validation file_download goto_url wait human_interaction for_loop while_loop conditional code " +
      "text_prompt http_request send_email file_url_parser pdf_parser pdf_fill split_pdf print_page download_to_s3 upload_to_s3 file_upload " +
      "workflow_trigger google_sheets_read google_sheets_write email_inbox";
    expect(new Set(blockTypes.map(({ type }) => type))).toEqual(new Set([...theirs.split(" "), "set", "actions", "screenshot"]));
  });

  it("has each type once, and says what each field is for", () => {
    expect(new Set(blockTypes.map(({ type }) => type)).size).toBe(blockTypes.length);
    for (const { type, config } of blockTypes) {
      const fields = (config as unknown as { shape: Record<string, { description?: string }> }).shape;
      for (const [field, schema] of Object.entries(fields)) expect(schema.description, `${type}.${field}`).toBeTruthy();
    }
  });
});

import type { Fault } from "../domain/error.ts";
import { findExpressions } from "../domain/expression.ts";
import { formatPath, type JsonObject } from "../domain/json.ts";
import { faultsOf } from "../domain/workflow/schema-faults.ts";
import type { BlockCatalog } from "../domain/workflow/catalog.ts";
import { warnOfUnused } from "../domain/workflow/unused-fields.ts";
import { actions } from "./actions.ts";
import type { BlockType } from "./block.ts";
import { action, login, navigation, task, taskV2, validation } from "./browser-tasks.ts";
import { code } from "./code.ts";
import { conditional } from "./conditional.ts";
import { downloadToS3 } from "./download-to-s3.ts";
import { extraction } from "./extraction.ts";
import { fileDownload } from "./file-download.ts";
import { fileUrlParser } from "./file-url-parser.ts";
import { emailInbox } from "./email-inbox.ts";
import { fileUpload } from "./file-upload.ts";
import { forLoop } from "./for-loop.ts";
import { googleSheetsRead, googleSheetsWrite } from "./google-sheets.ts";
import { gotoUrl } from "./goto-url.ts";
import { httpRequest } from "./http-request.ts";
import { humanInteraction } from "./human-interaction.ts";
import { pdfParser } from "./pdf-parser.ts";
import { printPage } from "./print-page.ts";
import { pdfFill, splitPdf } from "./pdf-tasks.ts";
import { screenshot } from "./screenshot.ts";
import { sendEmail } from "./send-email.ts";
import { set } from "./set.ts";
import { uploadToS3 } from "./upload-to-s3.ts";
import { textPrompt } from "./text-prompt.ts";
import { wait } from "./wait.ts";
import { whileLoop } from "./while-loop.ts";
import { workflowTrigger } from "./workflow-trigger.ts";

/** Every block type there is. A new one is a file in this folder and a line here. */
export const blockTypes: readonly BlockType[] = [
  gotoUrl,
  actions,
  extraction,
  screenshot,
  printPage,
  fileDownload,
  task,
  taskV2,
  navigation,
  action,
  login,
  validation,
  set,
  httpRequest,
  sendEmail,
  fileUrlParser,
  pdfParser,
  uploadToS3,
  downloadToS3,
  textPrompt,
  pdfFill,
  splitPdf,
  fileUpload,
  code,
  googleSheetsRead,
  googleSheetsWrite,
  emailInbox,
  conditional,
  forLoop,
  whileLoop,
  wait,
  humanInteraction,
  workflowTrigger,
];

const byType = new Map(blockTypes.map((blockType) => [blockType.type, blockType]));

/** @returns undefined when there is no such type */
export function findBlockType(type: string): BlockType | undefined {
  return byType.get(type);
}

/** May this block run again when nobody knows whether it ran? */
export function isRepeatable(blockType: BlockType, config: JsonObject): boolean {
  return typeof blockType.repeatable === "function" ? blockType.repeatable(config) : blockType.repeatable;
}

/** May its fields use the secrets of credentials? */
export function readsSecrets({ readsSecrets: says, category }: BlockType): boolean {
  return says ?? category !== "control";
}

/** The block types as the domain sees them. */
export const blockCatalog: BlockCatalog = {
  types: blockTypes.map(({ type }) => type),
  find(type) {
    const blockType = findBlockType(type);
    return (
      blockType && {
        role: blockType.role ?? "step",
        readsSecrets: readsSecrets(blockType),
        hasPage: blockType.category === "browser",
        isRepeatable: (config) => isRepeatable(blockType, config),
        needs: (block) => blockType.needs?.(block) ?? null,
        refuses: (config) => blockType.refuses?.(config) ?? null,
        warnOfUnused: (config, path) => warnOfUnused(blockType.config, config, path),
        normalize: (config) => blockType.normalize?.(config) ?? config,
        checkConfig: (config, path) => checkConfig(blockType, config, path),
      }
    );
  },
};

function checkConfig(blockType: BlockType, config: JsonObject, path: readonly PropertyKey[]): Fault[] {
  const result = blockType.config.safeParse(config);
  if (result.success) return [];
  // A field that holds an expression is checked when it has been filled in.
  const waiting = new Set(findExpressions(config, path).map((found) => formatPath(found.path)));
  return faultsOf(result.error, blockType.config, path).filter((fault) => !waiting.has(fault.path));
}

import { BlockError } from "../block.ts";
import { unzip } from "./zip.ts";

const DOCUMENT = "word/document.xml";

/**
 * The text of a Word document: its paragraphs, one a line, cells of a table with a tab between. Of what is there twice for older readers
 * (`mc:Fallback`) the newer form counts. Headers, footers, notes and what was deleted are left out.
 */
export function docxText(bytes: Uint8Array): string {
  const xml = unzip(bytes, (path) => path === DOCUMENT).get(DOCUMENT);
  if (xml === undefined) throw new BlockError(`the file is no Word document: it has no ${DOCUMENT}`);
  return documentText(new TextDecoder().decode(xml));
}

/** Tags that mean something here, and the text between tags; a tag that does not close ends at the next. WordprocessingML has no CDATA, and its prefix is `w` wherever it is written. */
const TOKEN = /<(\/?)(w:t|w:tab|w:br|w:cr|w:p|w:tc|w:tr|mc:Fallback)(?=[\s/>])[^<>]*?(\/?)>|<[^<>]*>|([^<]+)/g;

/** @param xml `word/document.xml` */
export function documentText(xml: string): string {
  let text = "";
  let isText = false;
  let fallbacks = 0;
  let cells = 0;
  for (const [, closing, tag, empty, content] of xml.matchAll(TOKEN)) {
    if (tag === "mc:Fallback" && empty === "") fallbacks += closing === "" ? 1 : -1;
    if (fallbacks > 0) continue;
    if (content !== undefined) {
      if (isText) text += decodeEntities(content);
    } else if (tag === "w:t") isText = closing === "" && empty === "";
    else if (tag === "w:tab" && closing === "") text += "\t";
    else if ((tag === "w:br" || tag === "w:cr") && closing === "") text += "\n";
    else if (tag === "w:tr" && closing === "/") text = `${text.replace(/\t$/, "")}\n`;
    else if (tag === "w:tc" && empty === "") {
      cells += closing === "" ? 1 : -1;
      if (closing === "/") text = `${text.replace(/ $/, "")}\t`;
    } else if (tag === "w:p" && (closing === "/" || empty === "/")) text += cells > 0 ? " " : "\n";
  }
  return text.trimEnd();
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10_ffff ? String.fromCodePoint(code) : whole;
  });
}

import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Several processes may prepare the browser at once: none of them may see half a file. */
export async function writeAtomically(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text, { mode });
  await rename(draft, path);
}

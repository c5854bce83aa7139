import { BoundedCache } from "../domain/bounded-cache.ts";
import { ServiceError } from "../domain/error.ts";
import type { WorkflowId } from "../domain/id.ts";
import {
  parseGlobalWorkflows,
  templateIndexSchema,
  templateVersionSchema,
  type TemplateIndex,
  type TemplateVersion,
} from "../domain/workflow/template.ts";
import { titleOf } from "../domain/workflow/workflow-view.ts";
import type { Templates } from "../ports/templates.ts";

const LIST_KEY = "global_workflows.txt";
const indexKey = (workflowId: WorkflowId) => `templates/${workflowId}/index.json`;
const versionKey = (workflowId: WorkflowId, version: number) => `templates/${workflowId}/${version}.json`;

/** How old an answer may be. After this the bucket is asked whether it changed, by ETag. */
const MAX_AGE_MS = 60_000;
/** Characters of JSON and text that are kept in memory, for indexes and versions each. */
const CACHE_CHARACTERS = 4_000_000;
/** How often a write is tried again when another writer was faster. */
const MAX_TRIES = 20;

const CREATE_ONLY = new Headers({ "if-none-match": "*" });

/**
 * Templates in an R2 bucket: `global_workflows.txt` says which there are, `templates/<workflow>/index.json` which version is the latest,
 * `templates/<workflow>/<version>.json` what it holds. Make one for the isolate: it remembers what it read.
 * @param now milliseconds since the epoch
 */
export function createTemplates(bucket: R2Bucket, now: () => number): Templates {
  /** Objects that change: the list and the indexes. */
  const current = new BoundedCache<string, { text: string; etag: string; checkedAt: number }>(CACHE_CHARACTERS);
  /** Objects that never change. */
  const versions = new BoundedCache<string, TemplateVersion>(CACHE_CHARACTERS);

  async function read(key: string, maxAgeMs: number): Promise<{ text: string; etag: string } | null> {
    const known = current.get(key);
    if (known !== undefined && now() - known.checkedAt < maxAgeMs) return known;
    const object = await bucket.get(key, known === undefined ? {} : { onlyIf: { etagDoesNotMatch: known.etag } });
    if (object === null) {
      current.delete(key);
      return null;
    }
    // Without a body the condition failed: it is what we know.
    const text = known !== undefined && !("body" in object) ? known.text : await object.text();
    const entry = { text, etag: object.etag, checkedAt: now() };
    current.set(key, entry, text.length);
    return entry;
  }

  /** @returns false when the object changed since it was read (null: since there was none) */
  async function replace(key: string, was: { etag: string } | null, text: string): Promise<boolean> {
    const written = await bucket.put(key, text, { onlyIf: was === null ? CREATE_ONLY : { etagMatches: was.etag } });
    if (written !== null) current.set(key, { text, etag: written.etag, checkedAt: now() }, text.length);
    return written !== null;
  }

  async function readVersion(workflowId: WorkflowId, version: number): Promise<TemplateVersion | null> {
    const key = versionKey(workflowId, version);
    const known = versions.get(key);
    if (known !== undefined) return known;
    const object = await bucket.get(key);
    if (object === null) return null;
    const template = templateVersionSchema.parse(await object.json());
    versions.set(key, template, object.size);
    return template;
  }

  /** Adds the template to the list, or takes it off. @returns false when the list was so already */
  async function list(workflowId: WorkflowId, listed: boolean): Promise<boolean> {
    for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
      const known = await read(LIST_KEY, 0);
      const ids = parseGlobalWorkflows(known?.text ?? "");
      if (ids.includes(workflowId) === listed) return false;
      const changed = listed ? [...ids, workflowId] : ids.filter((id) => id !== workflowId);
      if (await replace(LIST_KEY, known, changed.map((id) => `${id}\n`).join(""))) return true;
      await pause(attempt);
    }
    throw tooBusy(workflowId);
  }

  return {
    async retrieveGlobalWorkflows() {
      return parseGlobalWorkflows((await read(LIST_KEY, MAX_AGE_MS))?.text ?? "");
    },

    async index(workflowId) {
      const known = await read(indexKey(workflowId), MAX_AGE_MS);
      return known === null ? null : parseIndex(known.text);
    },

    version: readVersion,

    async publish(template) {
      const { workflow_permanent_id: workflowId, hash } = template;
      let ours: number | null = null; // the version whose file we wrote
      for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
        const known = await read(indexKey(workflowId), 0);
        const index = known === null ? null : parseIndex(known.text);
        const latest = index?.latest_version ?? 0;
        if (ours !== null && latest >= ours) {
          await list(workflowId, true);
          return { version: ours, changed: true };
        }
        if (index?.hash === hash) {
          await list(workflowId, true);
          return { version: latest, changed: false };
        }
        const next: TemplateVersion = { ...template, version: latest + 1 };
        const written = await bucket.put(versionKey(workflowId, next.version), JSON.stringify(next), { onlyIf: CREATE_ONLY });
        if (written !== null) ours = next.version;
        // The file may be there already: its writer was faster, or died before the index named it. Whoever finds it finishes that first.
        const published = written === null ? await readVersion(workflowId, next.version) : next;
        const isNamed = published !== null && (await replace(indexKey(workflowId), known, JSON.stringify(indexOf(published, index))));
        if (!isNamed) await pause(attempt);
      }
      throw tooBusy(workflowId);
    },

    unpublish: (workflowId) => list(workflowId, false),
  };
}

/** Lets others finish, the longer the more often they were in the way; by chance, so that those who wait do not meet again. */
async function pause(attempt: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * attempt * 20));
}

function parseIndex(text: string): TemplateIndex {
  return templateIndexSchema.parse(JSON.parse(text));
}

function indexOf(latest: TemplateVersion, before: TemplateIndex | null): TemplateIndex {
  return {
    latest_version: latest.version,
    hash: latest.hash,
    title: titleOf(latest.definition),
    created_at: before?.created_at ?? latest.created_at,
    modified_at: latest.created_at,
  };
}

function tooBusy(workflowId: WorkflowId): ServiceError {
  return new ServiceError("conflict", `Template ${workflowId} could not be changed: others publish at the same time. Try again.`);
}

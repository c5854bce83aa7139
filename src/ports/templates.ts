import type { WorkflowId } from "../domain/id.ts";
import type { TemplateIndex, TemplateVersion } from "../domain/workflow/template.ts";

/** Global templates, in R2. What it returns may be up to a minute old. */
export interface Templates {
  /** Skyvern's `retrieve_global_workflows`: the ids that may be used, in the order of the file; none when the file is missing. */
  retrieveGlobalWorkflows(): Promise<readonly WorkflowId[]>;
  /** @returns null when there is no such template */
  index(workflowId: WorkflowId): Promise<TemplateIndex | null>;
  version(workflowId: WorkflowId, version: number): Promise<TemplateVersion | null>;
  /**
   * Makes this the latest version, unless the latest has the same hash, and lists the template. Safe to repeat after a crash at any point.
   * @returns the version that now is the latest, and whether it is new
   */
  publish(template: Omit<TemplateVersion, "version">): Promise<{ version: number; changed: boolean }>;
  /** Takes a template off the list; its versions are kept, and publishing it again goes on counting. @returns false when it was not listed */
  unpublish(workflowId: WorkflowId): Promise<boolean>;
}

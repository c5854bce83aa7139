import type { OrganizationSettings } from "../organization.ts";

/** The settings of an organization for tests, in which they play no part but where a test says otherwise. */
export const ORGANIZATION_SETTINGS: OrganizationSettings = {
  name: "test",
  allowedHosts: [],
  deniedHosts: [],
  onlyHosts: [],
  maxConcurrentRuns: 100,
  maxRunSeconds: 3_600,
  maxWorkflowBlocks: 50,
  browser: null,
};

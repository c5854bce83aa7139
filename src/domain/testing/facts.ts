import type { RunFacts } from "../run/run.ts";

/** The facts of a run for tests of the core, in which they play no part but where a test says otherwise. */
export const RUN_FACTS: RunFacts = {
  runId: "wr_1",
  organizationId: "o_1",
  workflowPermanentId: "wpid_1",
  workflowId: "w_1",
  version: 1,
  workflowTitle: "Test",
  parameters: {},
  request: {},
  webhookUrl: null,
  allowedHosts: [],
  maxSeconds: 1_000,
  admission: null,
  apiOrigin: "https://api.test",
  parent: null,
  retryOf: null,
};

import type { RunProjection } from "../run/run-view.ts";

/** A run as the index is told of it, for tests in which most of that plays no part: one that is at work. */
export const INDEX_ROW: Omit<RunProjection, "workflowRunId" | "organizationId"> = {
  workflowPermanentId: "wpid_1",
  workflowId: "w_1",
  version: 1,
  workflowTitle: "Test",
  status: "running",
  failureReason: null,
  triggerType: "api",
  parentRunId: null,
  retriedFromRunId: null,
  scheduleId: null,
  webhookUrl: null,
  sequentialKey: null,
  browserSessionId: null,
  browserProfileId: null,
  createdAt: 1,
  queuedAt: null,
  startedAt: 2,
  finishedAt: null,
  modifiedAt: 3,
  seq: 1,
  errorCodes: [],
};

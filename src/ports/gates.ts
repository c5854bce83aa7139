import type { AdmissionAnswer, AdmissionCounts, AdmissionRequest, QueuePosition } from "../domain/run/admission.ts";
import type { OrganizationId, RunId } from "../domain/id.ts";

/** Admission of an organization's runs. Every call may be repeated. A child run takes no part in it: it shares its parent's slot. */
export interface Gate {
  /**
   * A run that asks again is told where it stands now. That changes nothing, except that a key which was not told before holds from then on: it may
   * cost the run its slot, not its place. Of a run that is rejected nothing is kept.
   */
  admit(request: AdmissionRequest): Promise<AdmissionAnswer>;
  /** Gives the slot, or the place in the queue, back. The runs that get a slot by this are told (`RunObject.admit`). */
  release(runId: RunId): Promise<void>;
  /** @returns null when the run does not wait */
  position(runId: RunId): Promise<QueuePosition | null>;
  describe(): Promise<AdmissionCounts>;
}

export interface Gates {
  get(organizationId: OrganizationId): Gate;
}

/** What a profile was made of. */
export const PROFILE_SOURCES = ["browser_session", "workflow_run", "storage_state"] as const;
export type ProfileSource = (typeof PROFILE_SOURCES)[number];

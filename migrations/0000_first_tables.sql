CREATE TABLE `api_keys` (
	`api_key_id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`prefix` text NOT NULL,
	`hash` text NOT NULL,
	`name` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE INDEX `api_keys_by_prefix` ON `api_keys` (`prefix`);--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_live_hash` ON `api_keys` (`hash`) WHERE revoked_at is null;--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`organization_id` text NOT NULL,
	`scope` text NOT NULL,
	`key` text NOT NULL,
	`request_hash` text NOT NULL,
	`resource_id` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`organization_id`, `scope`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_by_age` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `organizations` (
	`organization_id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`allowed_hosts` text NOT NULL,
	`max_concurrent_runs` integer DEFAULT 100 NOT NULL,
	`webhook_secret` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `runs` (
	`workflow_run_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`workflow_permanent_id` text NOT NULL,
	`workflow_id` text NOT NULL,
	`version` integer NOT NULL,
	`workflow_title` text NOT NULL,
	`status` text NOT NULL,
	`failure_reason` text,
	`trigger_type` text NOT NULL,
	`created_at` integer NOT NULL,
	`queued_at` integer,
	`started_at` integer,
	`finished_at` integer,
	`modified_at` integer NOT NULL,
	`seq` integer NOT NULL,
	PRIMARY KEY(`organization_id`, `workflow_run_id`)
);
--> statement-breakpoint
CREATE INDEX `runs_by_workflow` ON `runs` (`organization_id`,`workflow_permanent_id`,`workflow_run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_status` ON `runs` (`organization_id`,`status`,`workflow_run_id`);--> statement-breakpoint
CREATE INDEX `runs_unfinished` ON `runs` (`modified_at`) WHERE finished_at is null;--> statement-breakpoint
CREATE TABLE `webhook_deliveries` (
	`delivery_id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`workflow_run_id` text NOT NULL,
	`event_type` text NOT NULL,
	`url` text NOT NULL,
	`body` text NOT NULL,
	`status` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`lease_until` integer,
	`last_status_code` integer,
	`last_error` text,
	`created_at` integer NOT NULL,
	`delivered_at` integer
);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_by_run` ON `webhook_deliveries` (`organization_id`,`workflow_run_id`,`delivery_id`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_due` ON `webhook_deliveries` (`next_attempt_at`) WHERE status = 'pending';--> statement-breakpoint
CREATE TABLE `workflow_versions` (
	`workflow_id` text NOT NULL,
	`workflow_permanent_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`version` integer NOT NULL,
	`definition` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`organization_id`, `workflow_permanent_id`, `version`)
);
--> statement-breakpoint
CREATE TABLE `workflows` (
	`workflow_permanent_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`latest_version` integer NOT NULL,
	`title` text NOT NULL,
	`created_at` integer NOT NULL,
	`modified_at` integer NOT NULL,
	`deleted_at` integer,
	PRIMARY KEY(`organization_id`, `workflow_permanent_id`)
);
--> statement-breakpoint
CREATE INDEX `workflows_newest` ON `workflows` (`organization_id`,`modified_at`,`workflow_permanent_id`) WHERE deleted_at is null;
CREATE TABLE `run_error_codes` (
	`organization_id` text NOT NULL,
	`error_code` text NOT NULL,
	`created_at` integer NOT NULL,
	`workflow_run_id` text NOT NULL,
	PRIMARY KEY(`organization_id`, `error_code`, `created_at`, `workflow_run_id`)
);
--> statement-breakpoint
CREATE TABLE `run_titles` (
	`organization_id` text NOT NULL,
	`workflow_permanent_id` text NOT NULL,
	`workflow_title` text NOT NULL,
	PRIMARY KEY(`organization_id`, `workflow_permanent_id`, `workflow_title`)
);
--> statement-breakpoint
DROP INDEX `runs_by_workflow`;--> statement-breakpoint
DROP INDEX `runs_by_status`;--> statement-breakpoint
ALTER TABLE `runs` ADD `parent_workflow_run_id` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `retried_from_workflow_run_id` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `webhook_callback_url` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `sequential_key` text;--> statement-breakpoint
CREATE INDEX `runs_newest` ON `runs` (`organization_id`,`created_at`,`workflow_run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_workflow_status` ON `runs` (`organization_id`,`workflow_permanent_id`,`status`,(parent_workflow_run_id is not null),`created_at`,`workflow_run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_retried` ON `runs` (`organization_id`,`retried_from_workflow_run_id`) WHERE retried_from_workflow_run_id is not null;--> statement-breakpoint
CREATE INDEX `runs_by_workflow` ON `runs` (`organization_id`,`workflow_permanent_id`,(parent_workflow_run_id is not null),`created_at`,`workflow_run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_status` ON `runs` (`organization_id`,`status`,`created_at`,`workflow_run_id`);--> statement-breakpoint
INSERT INTO `run_titles` SELECT DISTINCT `organization_id`, `workflow_permanent_id`, `workflow_title` FROM `runs` WHERE true ON CONFLICT DO NOTHING;

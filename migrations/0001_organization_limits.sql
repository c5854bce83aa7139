ALTER TABLE `organizations` ADD `max_run_seconds` integer DEFAULT 3600 NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `max_workflow_blocks` integer DEFAULT 50 NOT NULL;
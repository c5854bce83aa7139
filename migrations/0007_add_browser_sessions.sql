CREATE TABLE `browser_sessions` (
	`browser_session_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`status` text NOT NULL,
	`timeout_minutes` integer NOT NULL,
	`workflow_run_id` text,
	`warning` text,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`completed_at` integer,
	`modified_at` integer NOT NULL,
	`revision` integer NOT NULL,
	PRIMARY KEY(`organization_id`, `browser_session_id`)
);
--> statement-breakpoint
CREATE INDEX `browser_sessions_newest` ON `browser_sessions` (`organization_id`,`created_at`,`browser_session_id`);--> statement-breakpoint
CREATE INDEX `browser_sessions_open` ON `browser_sessions` (`organization_id`,`created_at`,`browser_session_id`) WHERE completed_at is null;--> statement-breakpoint
ALTER TABLE `runs` ADD `browser_session_id` text;--> statement-breakpoint
CREATE INDEX `runs_by_browser_session` ON `runs` (`organization_id`,`browser_session_id`,`created_at`,`workflow_run_id`) WHERE browser_session_id is not null;
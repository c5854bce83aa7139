CREATE TABLE `workflow_schedules` (
	`workflow_schedule_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`workflow_permanent_id` text NOT NULL,
	`cron_expression` text NOT NULL,
	`timezone` text NOT NULL,
	`enabled` integer NOT NULL,
	`parameters` text,
	`name` text,
	`description` text,
	`on_missed` text NOT NULL,
	`api_origin` text NOT NULL,
	`next_fire_at` integer,
	`due_at` integer,
	`last_fire_at` integer,
	`last_run_id` text,
	`last_error` text,
	`created_at` integer NOT NULL,
	`modified_at` integer NOT NULL,
	`deleted_at` integer,
	PRIMARY KEY(`organization_id`, `workflow_permanent_id`, `workflow_schedule_id`)
);
--> statement-breakpoint
CREATE INDEX `workflow_schedules_newest` ON `workflow_schedules` (`organization_id`,`workflow_schedule_id`) WHERE deleted_at is null;--> statement-breakpoint
CREATE INDEX `workflow_schedules_due` ON `workflow_schedules` (`due_at`) WHERE due_at is not null;--> statement-breakpoint
ALTER TABLE `runs` ADD `workflow_schedule_id` text;
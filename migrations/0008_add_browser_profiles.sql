CREATE TABLE `browser_profiles` (
	`browser_profile_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`source` text NOT NULL,
	`cookie_count` integer NOT NULL,
	`origin_count` integer NOT NULL,
	`created_at` integer NOT NULL,
	`modified_at` integer NOT NULL,
	`deleted_at` integer,
	PRIMARY KEY(`organization_id`, `browser_profile_id`)
);
--> statement-breakpoint
CREATE INDEX `browser_profiles_newest` ON `browser_profiles` (`organization_id`,`created_at`,`browser_profile_id`) WHERE deleted_at is null;--> statement-breakpoint
ALTER TABLE `browser_sessions` ADD `browser_profile_id` text;--> statement-breakpoint
ALTER TABLE `browser_sessions` ADD `generate_browser_profile` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `browser_profile_id` text;--> statement-breakpoint
CREATE INDEX `runs_by_browser_profile` ON `runs` (`organization_id`,`browser_profile_id`,`created_at`,`workflow_permanent_id`) WHERE browser_profile_id is not null;
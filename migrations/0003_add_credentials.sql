CREATE TABLE `credentials` (
	`credential_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`credential_type` text NOT NULL,
	`shown` text NOT NULL,
	`settings` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	`modified_at` integer NOT NULL,
	`deleted_at` integer,
	PRIMARY KEY(`organization_id`, `credential_id`)
);
--> statement-breakpoint
CREATE INDEX `credentials_newest` ON `credentials` (`organization_id`,`created_at`,`credential_id`) WHERE deleted_at is null;--> statement-breakpoint
CREATE TABLE `totp_codes` (
	`totp_code_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`totp_identifier` text NOT NULL,
	`sealed` text NOT NULL,
	`workflow_id` text,
	`workflow_run_id` text,
	`task_id` text,
	`source` text,
	`type` text,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer,
	PRIMARY KEY(`organization_id`, `totp_code_id`)
);
--> statement-breakpoint
CREATE INDEX `totp_codes_by_identifier` ON `totp_codes` (`organization_id`,`totp_identifier`,`created_at`);--> statement-breakpoint
CREATE INDEX `totp_codes_newest` ON `totp_codes` (`organization_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `totp_codes_by_expiry` ON `totp_codes` (`expires_at`);
CREATE TABLE `file_expiries` (
	`expires_at` integer NOT NULL,
	`file_id` text NOT NULL,
	`organization_id` text NOT NULL,
	PRIMARY KEY(`expires_at`, `file_id`)
);

ALTER TABLE `organizations` ADD `denied_hosts` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `only_hosts` text DEFAULT '[]' NOT NULL;
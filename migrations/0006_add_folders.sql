CREATE TABLE `folders` (
	`folder_id` text NOT NULL,
	`organization_id` text NOT NULL,
	`title` text NOT NULL,
	`description` text,
	`created_at` integer NOT NULL,
	`modified_at` integer NOT NULL,
	`deleted_at` integer,
	PRIMARY KEY(`organization_id`, `folder_id`)
);
--> statement-breakpoint
CREATE INDEX `folders_newest` ON `folders` (`organization_id`,`modified_at`,`folder_id`,`title`) WHERE deleted_at is null;--> statement-breakpoint
DROP INDEX `workflows_newest`;--> statement-breakpoint
ALTER TABLE `workflows` ADD `status` text DEFAULT 'published' NOT NULL;--> statement-breakpoint
ALTER TABLE `workflows` ADD `is_saved_task` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `workflows` ADD `is_template` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `workflows` ADD `folder_id` text;--> statement-breakpoint
-- What stored definitions say of themselves; a folder of theirs never was one, and belongs to no version.
UPDATE `workflows` SET (`status`, `is_saved_task`) = (
	SELECT iif(`definition` ->> 'status' IN ('draft', 'auto_generated', 'importing', 'import_failed'), `definition` ->> 'status', 'published'), coalesce(`definition` -> 'is_saved_task' = 'true', false)
	FROM `workflow_versions` AS `latest` WHERE `latest`.`organization_id` = `workflows`.`organization_id` AND `latest`.`workflow_permanent_id` = `workflows`.`workflow_permanent_id` AND `latest`.`version` = `workflows`.`latest_version`
) WHERE EXISTS (SELECT 1 FROM `workflow_versions` AS `latest` WHERE `latest`.`organization_id` = `workflows`.`organization_id` AND `latest`.`workflow_permanent_id` = `workflows`.`workflow_permanent_id` AND `latest`.`version` = `workflows`.`latest_version`);--> statement-breakpoint
UPDATE `workflow_versions` SET `definition` = json_remove(`definition`, '$.folder_id') WHERE json_type(`definition`, '$.folder_id') IS NOT NULL;--> statement-breakpoint
CREATE INDEX `workflows_by_status` ON `workflows` (`organization_id`,`status`,`is_saved_task`,`modified_at`,`workflow_permanent_id`,`title`,`deleted_at`) WHERE deleted_at is null;--> statement-breakpoint
CREATE INDEX `workflows_by_folder` ON `workflows` (`organization_id`,`folder_id`,`status`,`is_saved_task`,`modified_at`,`workflow_permanent_id`,`title`,`deleted_at`) WHERE deleted_at is null and folder_id is not null;--> statement-breakpoint
CREATE INDEX `workflows_templates` ON `workflows` (`organization_id`,`is_template`,`status`,`is_saved_task`,`modified_at`,`workflow_permanent_id`,`title`,`deleted_at`) WHERE deleted_at is null and is_template = 1;--> statement-breakpoint
CREATE INDEX `workflows_templates_by_folder` ON `workflows` (`organization_id`,`folder_id`,`is_template`,`status`,`is_saved_task`,`modified_at`,`workflow_permanent_id`,`title`,`deleted_at`) WHERE deleted_at is null and is_template = 1 and folder_id is not null;
import { z } from "zod";
import { folderExample, folderResponse, folderSchema } from "../../domain/folder-view.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Folders } from "../../ports/folders.ts";
import type { IdempotencyKeys } from "../../ports/idempotency-keys.ts";
import type { Ids } from "../../ports/ids.ts";
import { createFolder, deleteFolder, listFolders, requireFolder, updateFolder } from "../../services/folders.ts";
import { cursorField, describePage, pageHeaders, pageRequest } from "../paging.ts";
import { flag, noQuery, pageFields } from "../query.ts";
import { body, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";

export interface FolderDeps {
  readonly folders: Folders;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ids: Ids;
  readonly clock: Clock;
}

const titleSchema = z.string().trim().min(1).max(255).describe("What people call it.");
const descriptionSchema = z.string().max(10_000).nullish().describe("For people.");

const newFolderSchema = z.strictObject({ title: titleSchema, description: descriptionSchema });
const folderChangesSchema = z.strictObject({ title: titleSchema.optional(), description: descriptionSchema });

const listQuery = z.strictObject({
  ...pageFields,
  cursor: cursorField("folder"),
  search: z.string().max(255).default("").describe("A part of the title, in any case."),
});

const deleteQuery = z.strictObject({
  delete_workflows: flag.default(false).describe("Delete the workflows in it as well; otherwise they are kept, without a folder."),
});

const deletedSchema = z
  .strictObject({
    status: z.literal("deleted").describe("It is deleted."),
    folder_id: z.string().describe("`fld_…`."),
    workflows_deleted: z.int().min(0).describe("How many workflows were deleted with it."),
  })
  .meta({ id: "DeletedFolder" });

const folderAnswer = json("The folder.", folderSchema, folderExample);

const route = routeFor<FolderDeps>();

/** Skyvern's folders of workflows. */
export const folderRoutes = [
  route(
    {
      method: "post",
      paths: { createFolder: "/v1/folders" },
      tag: "Folders",
      summary: "Make a folder",
      caller: "api_key",
      query: noQuery,
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: body(newFolderSchema, { title: "Invoices" }),
      responses: { 200: folderAnswer },
      errors: ["idempotency_mismatch"],
    },
    async (deps, { c, organization, headers, body: { title, description = null } }) => {
      const key = headers["Idempotency-Key"] ?? null;
      return c.json(folderResponse(await createFolder(deps, organization.organizationId, { title, description }, key)));
    },
  ),
  route(
    {
      method: "get",
      paths: { listFolders: "/v1/folders" },
      tag: "Folders",
      summary: "The folders, last changed first",
      caller: "api_key",
      query: listQuery,
      responses: { 200: json("A page of them.", z.array(folderSchema), [folderExample], { headers: pageHeaders }) },
    },
    async (deps, { c, organization, query: asked }) => {
      const found = await listFolders(deps, organization.organizationId, asked.search, pageRequest(asked));
      describePage(c, found);
      return c.json(found.rows.map(folderResponse));
    },
  ),
  route(
    {
      method: "get",
      paths: { readFolder: "/v1/folders/{folder_id}" },
      tag: "Folders",
      summary: "A folder",
      caller: "api_key",
      query: noQuery,
      responses: { 200: folderAnswer },
    },
    async (deps, { c, organization, params }) =>
      c.json(folderResponse(await requireFolder(deps, organization.organizationId, params.folder_id))),
  ),
  route(
    {
      method: "put",
      paths: { updateFolder: "/v1/folders/{folder_id}" },
      tag: "Folders",
      summary: "Change a folder's title or description",
      description: "What is not named stays as it is.",
      caller: "api_key",
      query: noQuery,
      body: body(folderChangesSchema, { title: "Bills" }),
      responses: { 200: folderAnswer },
    },
    async (deps, { c, organization, params, body: changes }) =>
      c.json(folderResponse(await updateFolder(deps, organization.organizationId, params.folder_id, changes))),
  ),
  route(
    {
      method: "delete",
      paths: { deleteFolder: "/v1/folders/{folder_id}" },
      tag: "Folders",
      summary: "Delete a folder",
      description: "Its workflows are left without a folder, or deleted with it; their runs go on.",
      caller: "api_key",
      query: deleteQuery,
      responses: {
        200: json("It is deleted.", deletedSchema, {
          status: "deleted",
          folder_id: "fld_01JDAA0000000000000000000F",
          workflows_deleted: 0,
        }),
      },
    },
    async (deps, { c, organization, params, query: { delete_workflows } }) => {
      const { folderId, workflowsDeleted } = await deleteFolder(deps, organization.organizationId, params.folder_id, delete_workflows);
      return c.json({ status: "deleted", folder_id: folderId, workflows_deleted: workflowsDeleted });
    },
  ),
];

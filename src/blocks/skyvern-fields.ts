/** Fields of Skyvern's that several block types have. */
import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { unused } from "../domain/workflow/unused-fields.ts";

/** Skyvern's engines, of which none is here. */
const ENGINES = ["skyvern-1.0", "skyvern-2.0", "skyvern-3.0", "openai-cua", "anthropic-cua", "ui-tars", "yutori-navigator"] as const;

/** JSON Schema, or words, for what a model is to give. */
export const dataSchema = z.union([z.record(z.string(), jsonValue), z.array(jsonValue), z.string()]).nullish();

/** Fields of Skyvern's that say how something is done there, not what. */
export const parameterKeysField = { parameter_keys: unused(z.array(z.string())) };
export const engineField = { engine: unused(z.enum(ENGINES), "skyvern-1.0") };
export const stepsField = { max_steps_per_run: unused(z.int().min(1)) };
export const llmKeyField = { llm_key: unused(z.string()) };
export const totpFields = { totp_verification_url: unused(z.string()), totp_identifier: unused(z.string()) };

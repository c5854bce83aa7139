/** Fields that many answers have, in zod: what is answered is described, and tests hold the answers to it. */
import { z } from "zod";

export const instant = z.iso.datetime();

/** A field of Skyvern's that is there for its clients and has no value here. */
export const absent = z.null().describe("Skyvern's; always null here.");

export const anyObject = z.record(z.string(), z.json());

/** Instants of a run or a version, which say the same wherever they stand. */
export const createdAt = instant.describe("When it was made.");
export const modifiedAt = instant.describe("When it last changed.");

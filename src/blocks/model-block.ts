import { z } from "zod";
import { BlockError, type BlockType, defineBlock } from "./block.ts";

/** The end of the sentence that a block of a model is saved with and fails with. @param instead what does the same here, as a whole clause */
export function aModel(purpose: string, instead: string): string {
  return `a model ${purpose}, which this service does not have: a run fails here; ${instead}`;
}

/** A type that is nothing without a model: it is checked and kept as a whole, and a run that reaches it fails with what it needs. */
export function defineModelBlock<Config>(
  block: Pick<BlockType<Config>, "type" | "category" | "summary" | "repeatable" | "config" | "example"> & { readonly need: string },
): BlockType {
  const { need, ...rest } = block;
  return defineBlock({
    ...rest,
    output: z.never(),
    needs: () => need,
    execute: async () => {
      throw new BlockError(`The block needs ${need}`);
    },
  });
}

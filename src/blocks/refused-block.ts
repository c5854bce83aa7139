import { z } from "zod";
import { BlockError, type BlockType, defineBlock } from "./block.ts";

/** A type of Skyvern's that this service knows and will not run: a workflow with it is refused, with what to use instead. */
export function defineRefusedBlock<Config>(
  block: Pick<BlockType<Config>, "type" | "category" | "summary" | "config" | "example"> & { readonly reason: string },
): BlockType {
  const { reason, ...rest } = block;
  return defineBlock({
    ...rest,
    repeatable: false,
    output: z.never(),
    refuses: () => reason,
    execute: async () => {
      throw new BlockError(`This service does not run the block: ${reason}`);
    },
  });
}

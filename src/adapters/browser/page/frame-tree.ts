/** CDP's `Page.FrameTree`, as far as it matters here. */
export interface FrameTree {
  readonly frame: { readonly id: string; readonly url: string; readonly urlFragment?: string };
  readonly childFrames?: readonly FrameTree[];
}

/** The frames of a tree, the outermost first. */
export function framesOfTree({ frame, childFrames = [] }: FrameTree): FrameTree["frame"][] {
  return [frame, ...childFrames.flatMap(framesOfTree)];
}

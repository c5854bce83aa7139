/** What the chaos runs: every way of going on that the engine has, calling a server that counts. */

/** A block whose label says so is called at most once, whatever happens. */
export const ONCE = /^once/;

type Block = Record<string, unknown>;

const set = (label: string, v: unknown = 1): Block => ({ block_type: "set", label, values: { v } });
const wait = (label: string, seconds: number): Block => ({ block_type: "wait", label, wait_sec: seconds });
const call = (label: string, url: string, more: Block = {}): Block => ({
  block_type: "http_request",
  label,
  method: "POST",
  url,
  body: { label },
  // A connection that breaks off may have had its effect, as a service that dies may.
  ...(ONCE.test(label) ? { on_interrupted: "fail" } : { retry: { max_attempts: 5, initial_seconds: 0.1 } }),
  ...more,
});

/** The run that others start. */
export function childDefinition(url: string): object {
  return {
    title: "Chaos: child",
    workflow_definition: { blocks: [call("inner", url), set("after", "{{ inner_output.status_code }}"), call("once", url)] },
  };
}

/**
 * @param url answers a POST after a moment; with `/flaky` at its end, the first of a block's calls with a 503
 * @param child the workflow of `childDefinition`
 */
export function definitions(url: string, child: string): Record<string, object> {
  const define = (blocks: readonly Block[], more: object = {}) => ({ workflow_definition: { blocks, ...more } });
  return {
    sequence: define([set("a"), call("b", url), call("once", url), set("c", "{{ b_output.status_code }}"), call("d", url)]),
    parallel: define(
      [
        call("a", url),
        call("b", url),
        call("once_c", url),
        call("d", url),
        { ...set("join", "{{ a_output.status_code }}"), depends_on: ["b", "once_c", "d"] },
      ],
      { version: 3 },
    ),
    loop: define([
      {
        block_type: "for_loop",
        label: "each",
        loop_variable_reference: "{{ [1, 2, 3, 4] }}",
        max_concurrency: 2,
        next_loop_on_failure: true,
        loop_blocks: [call("inner", url), call("once_inner", url)],
      },
    ]),
    retry: define([call("a", `${url}/flaky`), call("b", `${url}/flaky`), call("once", url)]),
    sleep: define([wait("w", 0.8), call("once", url), wait("v", 0.4), call("a", url)]),
    child: define([
      call("a", url),
      { block_type: "workflow_trigger", label: "sub", workflow_permanent_id: child },
      set("b", "{{ sub_output.status }}"),
    ]),
    finally: define([call("a", url), call("once", url), call("last", url)], { finally_block_label: "last" }),
    whole: define([call("a", url), call("bad", `${url}/flaky`, { retry: { max_attempts: 1 } }), call("b", url)], {
      retry: { max_attempts: 3, initial_seconds: 0.1 },
    }),
  };
}

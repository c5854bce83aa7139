import { describe, expect, it } from "vitest";
import { OwnContext } from "./own-context.ts";

const target = (targetId: string, browserContextId: string) => ({ targetId, type: "page", browserContextId });
const hear = (context: OwnContext, message: object) => {
  const { forward, replies } = context.incoming(JSON.stringify(message));
  return { heard: forward === null ? null : JSON.parse(forward), replies: replies.map((reply) => JSON.parse(reply)) };
};

describe("a context of somebody's browser", () => {
  it("is what the client's words are about, and all that closing closes", () => {
    const context = new OwnContext("ours");
    const said = (method: string, params = {}) => JSON.parse(context.outgoing(JSON.stringify({ id: 1, method, params })));
    expect(said("Target.createTarget", { url: "about:blank" }).params).toEqual({ url: "about:blank", browserContextId: "ours" });
    expect(said("Storage.getCookies").params).toEqual({ browserContextId: "ours" });
    expect(said("Browser.close")).toMatchObject({ method: "Target.disposeBrowserContext", params: { browserContextId: "ours" } });
    expect(said("Page.navigate", { url: "https://a.example" }).params).toEqual({ url: "https://a.example" });
  });

  it("shows its own tabs alone, and lets others' go at once", () => {
    const context = new OwnContext("ours");
    const targetInfos = [target("a", "ours"), target("b", "theirs")];
    expect(hear(context, { id: 1, result: { targetInfos } }).heard.result.targetInfos).toEqual([targetInfos[0]]);
    const attached = {
      method: "Target.attachedToTarget",
      sessionId: "root",
      params: { sessionId: "s", targetInfo: target("b", "theirs") },
    };
    expect(hear(context, attached)).toMatchObject({
      heard: null,
      replies: [
        { method: "Runtime.runIfWaitingForDebugger", sessionId: "s" },
        { method: "Target.detachFromTarget", sessionId: "root", params: { sessionId: "s" } },
      ],
    });
    expect(hear(context, { method: "Page.loadEventFired", sessionId: "s" }).heard).toBeNull();
    expect(hear(context, { id: 1_000_000_000, result: {} }).heard).toBeNull();
  });

  it("holds up no request of others' tabs, and tells of those of its own frames", () => {
    const context = new OwnContext("ours");
    hear(context, { method: "Target.targetCreated", params: { targetInfo: target("a", "ours") } });
    hear(context, { method: "Page.frameAttached", sessionId: "s", params: { frameId: "inner" } });
    const paused = (frameId: string) =>
      hear(context, { method: "Fetch.requestPaused", sessionId: "root", params: { requestId: "r", frameId } });
    expect([paused("a"), paused("inner")].map(({ heard }) => heard?.params.frameId)).toEqual(["a", "inner"]);
    expect(paused("b")).toMatchObject({ heard: null, replies: [{ method: "Fetch.continueRequest", params: { requestId: "r" } }] });
  });
});

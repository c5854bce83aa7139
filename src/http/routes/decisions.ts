import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import type { DecisionTokens, RunObjects } from "../../ports.ts";
import { decideByToken, readToken } from "../../services/run-control.ts";
import type { AppEnv } from "../auth.ts";
import { query } from "../query.ts";

const answerQuery = z.object({ answer: z.enum(["approve", "reject"]) });

/**
 * The links that people decide by, in place of an API key. Opening one asks; only the button answers, so that a mail scanner that follows links
 * decides nothing. Mounted under `/v1/decisions`.
 */
export function decisionRoutes(deps: { runs: RunObjects; tokens: DecisionTokens }): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .get("/:token", query(answerQuery), async (c) => {
      const { runId, path } = await readToken(deps, c.req.param("token"));
      const { answer } = c.req.valid("query");
      const question = `${answer === "approve" ? "Approve" : "Reject"} the block "${path}" of run ${runId}?`;
      return page(
        c,
        html`<p>${question}</p>
          <form method="post"><button>${answer === "approve" ? "Approve" : "Reject"}</button></form>`,
      );
    })
    .post("/:token", query(answerQuery), async (c) => {
      const { answer } = c.req.valid("query");
      const { status } = await decideByToken(deps, c.req.param("token"), answer === "approve");
      return page(c, html`<p>Done: ${answer === "approve" ? "approved" : "rejected"}. The run is ${status}.</p>`);
    });
}

function page(c: Context<AppEnv>, body: ReturnType<typeof html>) {
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Pilotfish</title>
        <style>
          body {
            font: 1.1rem system-ui;
            max-width: 34rem;
            margin: 4rem auto;
            padding: 0 1rem;
          }
          button {
            font: inherit;
            padding: 0.6rem 1.4rem;
          }
        </style>
        ${body}
      </html>`,
  );
}

import type { Context } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import type { DecisionTokens } from "../../ports/decision-tokens.ts";
import type { RunObjects } from "../../ports/run-objects.ts";
import { decideByToken, readToken } from "../../services/run-control.ts";
import type { AppEnv } from "../auth.ts";
import { content, routeFor } from "../route.ts";

const answerQuery = z.object({ answer: z.enum(["approve", "reject"]).describe("Which of the two.") });

const route = routeFor<{ runs: RunObjects; tokens: DecisionTokens }>();

/**
 * The links that people decide by, in place of an API key. Opening one asks; only the button answers, so that a mail scanner that follows links
 * decides nothing.
 */
export const decisionRoutes = [
  route(
    {
      method: "get",
      paths: { askDecision: "/v1/decisions/{token}" },
      tag: "Decisions",
      summary: "The question that a link asks",
      description: "A page with a button. Opening it decides nothing.",
      caller: "anyone",
      query: answerQuery,
      responses: { 200: content("The page.", "text/html") },
    },
    async (deps, { c, params, query: { answer } }) => {
      const { runId, path } = await readToken(deps, params.token);
      const question = `${answer === "approve" ? "Approve" : "Reject"} the block "${path}" of run ${runId}?`;
      return page(
        c,
        html`<p>${question}</p>
          <form method="post"><button>${answer === "approve" ? "Approve" : "Reject"}</button></form>`,
      );
    },
  ),
  route(
    {
      method: "post",
      paths: { answerDecision: "/v1/decisions/{token}" },
      tag: "Decisions",
      summary: "Answer by a link",
      description: "What the page's button does. A link's answer counts once.",
      caller: "anyone",
      query: answerQuery,
      responses: { 200: content("A page that says what became of it.", "text/html") },
      errors: ["conflict"],
    },
    async (deps, { c, params, query: { answer } }) => {
      const { status } = await decideByToken(deps, params.token, answer === "approve");
      return page(c, html`<p>Done: ${answer === "approve" ? "approved" : "rejected"}. The run is ${status}.</p>`);
    },
  ),
];

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

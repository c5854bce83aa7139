import { relative } from "node:path";
import { defaultStateFolder } from "./local-state.ts";
import { type Service, startService } from "./service.ts";
import { PROJECT } from "./project.ts";

const DEFAULT_PORT = 8787;

async function main(): Promise<void> {
  const state = defaultStateFolder();
  const devApiKey: string | undefined = process.env["PILOTFISH_DEV_API_KEY"] || undefined;
  const stopRequested = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
  });
  console.log("starting the service …");
  const starting = startService({ port: readPort(), state, ...(devApiKey === undefined ? {} : { devApiKey }) });
  const service = await Promise.race([starting, stopRequested]);
  if (service === undefined) process.exit(130); // the service ends with this process
  console.log(welcome(service, state));
  const crash = await Promise.race([service.crashed, stopRequested]);
  if (crash !== undefined) throw new Error(crash);
  console.log("stopping the service …");
  await service.stop();
}

function readPort(): number {
  const port = Number(process.env["PORT"] || DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`PORT=${process.env["PORT"]} is no port: it has to be a number from 1 to 65535`);
  return port;
}

const FIRST_WORKFLOW = {
  json_definition: {
    title: "Look at a page",
    workflow_definition: {
      parameters: [],
      blocks: [
        { block_type: "goto_url", label: "open", url: "https://example.com" },
        { block_type: "screenshot", label: "look" },
      ],
    },
  },
};

function welcome({ url, apiKey }: Service, state: string): string {
  const key = process.env["PILOTFISH_DEV_API_KEY"]
    ? "the one in PILOTFISH_DEV_API_KEY"
    : apiKey === undefined
      ? "shown at the first start on this state (PILOTFISH_DEV_API_KEY=… sets one of your own)"
      : `${apiKey}   (shown only this once)`;
  const post = `curl -s -H "x-api-key: $KEY" -H 'content-type: application/json'`;
  return `
Pilotfish is ready: ${url}
  organization  dev, which may reach this machine's own addresses
  API key       ${key}
  documentation ${url}/docs
  state         ${state.startsWith(PROJECT) ? relative(PROJECT, state) : state}

A first workflow, and then a run of it:
  KEY=${process.env["PILOTFISH_DEV_API_KEY"] ?? apiKey ?? "…"}
  ${post} ${url}/v1/workflows -d '
    ${JSON.stringify(FIRST_WORKFLOW)}'
  ${post} ${url}/v1/run/workflows -H 'prefer: wait=30' -d '
    {"workflow_id":"<the answer's workflow_permanent_id>"}'

Ctrl-C stops the service. Its log:
`;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

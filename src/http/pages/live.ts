/** The live view for people: the page of a run as it is, and what the run does. By WebSocket, or by server-sent events where there is none. */
import { html, raw } from "hono/html";

type Html = ReturnType<typeof html>;

/**
 * @param options.stream path and query of the stream, with its signature
 * @param options.nonce what the policy allows style and script by
 */
export function livePage({ runId, stream, nonce }: { runId: string; stream: string; nonce: string }): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${runId} · live · Pilotfish</title>
        <style nonce="${nonce}">
          ${raw(STYLE)}
        </style>
      </head>
      <body data-stream="${stream}">
        <header>
          <h1>Run <code>${runId}</code></h1>
          <p>
            <strong id="status" class="status">connecting</strong> <span id="message" role="status" aria-live="polite">Connecting…</span>
          </p>
        </header>
        <main>
          <p class="address"><span class="label">Address</span> <output id="url">–</output></p>
          <figure>
            <img id="picture" alt="The run's page, as it is now" hidden />
            <p id="nothing">There is no page to be seen just now.</p>
            <figcaption>Password fields and fields with a secret are grey.</figcaption>
          </figure>
          <h2>At work</h2>
          <ul id="blocks">
            <li>–</li>
          </ul>
        </main>
        <noscript><p>The live view needs JavaScript.</p></noscript>
        <script nonce="${nonce}">
          ${raw(SCRIPT)};
        </script>
      </body>
    </html>`;
}

const STYLE = `
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 84rem; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
  h1 { font-size: 1.2rem; margin: 0; }
  h2 { font-size: 1rem; margin: 1rem 0 0.25rem; }
  code, output { font-family: ui-monospace, monospace; font-size: 0.95em; }
  header p { margin: 0.25rem 0 1rem; }
  .status { border: 1px solid currentColor; border-radius: 1rem; padding: 0.05rem 0.7rem; margin-right: 0.5rem; font-weight: 600; }
  .address { border: 1px solid var(--line); border-bottom: 0; border-radius: 0.5rem 0.5rem 0 0; margin: 0; padding: 0.4rem 0.8rem; overflow-wrap: anywhere; }
  .label { opacity: 0.7; margin-right: 0.5rem; }
  figure { margin: 0; }
  img { display: block; width: 100%; height: auto; border: 1px solid var(--line); box-sizing: border-box; }
  img[hidden] { display: none; }
  #nothing { border: 1px solid var(--line); margin: 0; padding: 6rem 1rem; text-align: center; }
  figcaption { font-size: 0.85rem; opacity: 0.75; margin-top: 0.25rem; }
  ul { margin: 0; padding-left: 1.2rem; }
`;

/** Pictures are acknowledged when they are shown. A connection that breaks is made again, unless the run has ended. */
const SCRIPT = `
  const stream = document.body.dataset.stream;
  const at = (id) => document.getElementById(id);
  let over = false, waitMs = 500, shown = null, opened = false;
  function tell(state) {
    if (state.type === "end") over = true;
    at("status").textContent = state.status;
    at("message").textContent = state.message;
    at("url").textContent = state.url ?? "–";
    at("blocks").replaceChildren(...(state.blocks.length === 0 ? [{ label: "–" }] : state.blocks).map((block) => {
      const item = document.createElement("li");
      item.textContent = block.path === undefined ? block.label : block.path + " (" + block.block_type + ")" + (block.attempt > 1 ? ", attempt " + block.attempt : "");
      return item;
    }));
    if (state.url === null && !over) see(null);
  }
  function see(blob) {
    if (shown !== null) URL.revokeObjectURL(shown);
    shown = blob === null ? null : URL.createObjectURL(blob);
    const picture = at("picture");
    picture.hidden = blob === null;
    at("nothing").hidden = blob !== null;
    if (shown === null) picture.removeAttribute("src"); else picture.src = shown;
    return blob === null ? Promise.resolve() : picture.decode().catch(() => {});
  }
  function lost() {
    if (over) return;
    at("status").textContent = "disconnected";
    at("message").textContent = "The connection was lost; it is made again.";
    setTimeout(connect, waitMs);
    waitMs = Math.min(10000, waitMs * 2);
  }
  function connect() {
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + stream);
    socket.onopen = () => { opened = true; waitMs = 500; };
    socket.onmessage = async ({ data }) => {
      if (typeof data === "string") return tell(JSON.parse(data));
      await see(data);
      if (socket.readyState === 1) socket.send("ack");
    };
    socket.onclose = () => (opened ? lost() : listen());
  }
  function listen() {
    const events = new EventSource(stream);
    events.onopen = () => { waitMs = 500; };
    for (const type of ["state", "end"]) events.addEventListener(type, ({ data }) => { tell(JSON.parse(data)); if (over) events.close(); });
    events.addEventListener("frame", ({ data }) => {
      const frame = JSON.parse(data);
      see(new Blob([Uint8Array.from(atob(frame.base64), (letter) => letter.charCodeAt(0))], { type: frame.content_type }));
    });
    events.onerror = () => { events.close(); lost(); };
  }
  connect();
`;

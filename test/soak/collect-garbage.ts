import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** An isolate answers once its JavaScript pauses; some never run any. */
const ANSWER_MS = 5_000;

interface Isolate {
  readonly id: string;
  readonly webSocketDebuggerUrl: string;
}

/**
 * Has the isolates of a Workers runtime collect their garbage, by its inspector, whose port only Linux tells: elsewhere nothing is done.
 * What memory is held can be measured then; otherwise it shows how long ago garbage was collected.
 * @param pid of the runtime
 */
export async function collectGarbage(pid: number): Promise<void> {
  if (process.platform !== "linux") return;
  const isolates = await Promise.all(listeningPorts(pid).map(listIsolates));
  await Promise.all(isolates.flat().map(collectIn));
}

/** Nothing where the port is no inspector's. */
async function listIsolates(port: number): Promise<Isolate[]> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const listed: unknown = await response.json();
    return Array.isArray(listed) ? (listed as Isolate[]) : [];
  } catch {
    return [];
  }
}

function collectIn({ webSocketDebuggerUrl }: Isolate): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(webSocketDebuggerUrl);
    const done = () => {
      clearTimeout(timer);
      socket.close();
      resolve();
    };
    const timer = setTimeout(done, ANSWER_MS);
    socket.addEventListener("error", done);
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.enable" }));
      socket.send(JSON.stringify({ id: 2, method: "HeapProfiler.collectGarbage" }));
    });
    socket.addEventListener("message", ({ data }) => {
      if ((JSON.parse(String(data)) as { id?: number }).id === 2) done();
    });
  });
}

/** The TCP ports of IPv4 at which a process listens, by proc(5). */
function listeningPorts(pid: number): number[] {
  const sockets = new Set(socketsOf(pid));
  const rows = readFileSync(`/proc/${pid}/net/tcp`, "utf8").trim().split("\n").slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && sockets.has(inode ?? ""))
    .map(([, address]) => Number.parseInt(address?.split(":")[1] ?? "0", 16));
}

/** The inodes of a process's sockets. Files come and go while they are read. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

// The built broker as a real process in a network namespace: started, killed, started again, asked through its socket.
import { request } from "node:http";
import { join, resolve } from "node:path";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import type { Output, Running } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";

/** The command as `make build` leaves it. */
export const COCOON_NET = resolve(import.meta.dirname, "../../dist/cocoon-net");
/** The plugin as `make build` leaves it. */
export const COCOON_IPAM = resolve(import.meta.dirname, "../../dist/cocoon-ipam");
const START_LIMIT_MS = 30_000;
const REQUEST_LIMIT_MS = 10_000;

export type BrokerSetting = {
  namespace: NetworkNamespace;
  /** Holds state, socket, conflists and plugins of this one node. */
  folder: string;
  /** cni0 when absent. */
  bridge?: string;
  /** What is run in the place of `cocoon-net daemon`, with the same flags. */
  command?: readonly string[];
  /** Further flags of `daemon`. */
  flags?: readonly string[];
  env?: Record<string, string>;
};

export type BrokerPaths = {
  state: string;
  socket: string;
  conflists: string;
  plugins: string;
};

export type Answer = { status: number; body: unknown };

export type BrokerProcess = AsyncDisposable & {
  readonly paths: BrokerPaths;
  /** Of the process that runs now. */
  pid(): number;
  /** How the newest process ended; undefined while it runs. */
  ended(): Output | undefined;
  /** Starts it (again) and waits until /readyz says yes. */
  start(): Promise<void>;
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for its end; gives the exit code. */
  stop(): Promise<number | null>;
  /** A request through the Unix socket. */
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Standard output and error of every run so far. */
  logs(): string;
};

/** Where a node in `folder` keeps its files. */
export function brokerPaths(folder: string): BrokerPaths {
  return {
    state: join(folder, "state"),
    socket: join(folder, "broker.sock"),
    conflists: join(folder, "net.d"),
    plugins: join(folder, "bin"),
  };
}

/** The settings that keep every command of one node within its own folder, as environment variables. */
export function nodeEnvironment(
  setting: Pick<BrokerSetting, "folder" | "bridge">,
): Record<string, string> {
  const paths = brokerPaths(setting.folder);
  return {
    COCOON_NET_STATE_DIR: paths.state,
    COCOON_NET_SOCKET: paths.socket,
    COCOON_NET_BRIDGE: setting.bridge ?? "cni0",
    COCOON_NET_CNI_CONF_DIR: paths.conflists,
    COCOON_NET_CNI_BIN_DIR: paths.plugins,
  };
}

/** The same for `daemon`, as flags. */
function daemonFlags(setting: BrokerSetting): string[] {
  return Object.entries(nodeEnvironment(setting)).flatMap(([variable, value]) => [
    `--${variable.replace("COCOON_NET_", "").toLowerCase().replaceAll("_", "-")}`,
    value,
  ]);
}

/** Starts `cocoon-net daemon` and waits until it serves; disposing kills it. */
export async function startBroker(setting: BrokerSetting): Promise<BrokerProcess> {
  const paths = brokerPaths(setting.folder);
  const command = setting.command ?? [COCOON_NET, "daemon"];
  const flags = [...daemonFlags(setting), "--metrics-addr", "", ...(setting.flags ?? [])];
  const runs: Running[] = [];
  const current = (): Running => {
    const process = runs.at(-1);
    if (process === undefined) {
      throw new Error("the broker was never started");
    }
    return process;
  };
  const logs = (): string => runs.map((one) => one.stdout() + one.stderr()).join("\n");
  const broker: BrokerProcess = {
    paths,
    pid: () => current().pid,
    ended: () => current().exit(),
    logs,
    async start() {
      const options = setting.env === undefined ? {} : { env: setting.env };
      const process = setting.namespace.spawn([...command, ...flags], options);
      runs.push(process);
      await waitFor(() => isReady(process, paths.socket, logs), {
        limit: START_LIMIT_MS,
        what: `READY of ${COCOON_NET} daemon; it said:\n${logs()}`,
      });
    },
    async kill() {
      current().kill("SIGKILL");
      await current().exited;
    },
    async stop() {
      return (await current().stop()).code;
    },
    ask: (method, path, body) => askSocket(paths.socket, method, path, body),
    async [Symbol.asyncDispose]() {
      await runs.at(-1)?.[Symbol.asyncDispose]();
    },
  };
  await broker.start();
  return broker;
}

async function isReady(process: Running, socket: string, logs: () => string): Promise<boolean> {
  if (process.exit() !== undefined) {
    throw new Error(`the broker ended with ${process.exit()?.code} before it served:\n${logs()}`);
  }
  try {
    return (await askSocket(socket, "GET", "/readyz")).status === 200;
  } catch {
    // Not listening yet; the limit above ends the wait.
    return false;
  }
}

/** One HTTP request through a Unix socket; a body that is not JSON is given as text. */
export async function askSocket(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolveAnswer, reject) => {
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    };
    const call = request(
      { socketPath, method, path, headers, timeout: REQUEST_LIMIT_MS },
      (reply) => {
        let received = "";
        reply.setEncoding("utf8").on("data", (part: string) => (received += part));
        reply.on("end", () => {
          resolveAnswer({ status: reply.statusCode ?? 0, body: parse(received) });
        });
      },
    );
    call.on("timeout", () => call.destroy(new Error(`${method} ${path}: no reply in time`)));
    call.on("error", reject);
    call.end(text);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

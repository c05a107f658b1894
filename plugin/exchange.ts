// One call to the broker over its socket: sends the request, takes the answer, keeps the connection for the confirmation.
import {
  type Awaitable,
  type Connection,
  EAGAIN,
  type Host,
  HostError,
  isPending,
} from "./host.ts";
import { concat, MAX_RESPONSE_BYTES, parseResponse, postHead } from "./http.ts";
import { asText, parseObject } from "./json.ts";

/** What the broker wants printed, and the token by which the plugin tells it that this was done. */
export interface Answer {
  exitCode: 0 | 1;
  stdout: string;
  stderr: string;
  confirm: string | undefined;
}

export type Exchange =
  | { kind: "served"; answer: Answer; connection: Connection }
  | { kind: "unserved"; message: string; details: string; hint: string };

/** Waits are bounded one by one by the timeout, and the whole exchange by twice that. */
export async function exchange(
  host: Host,
  socket: string,
  body: string,
  timeoutMilliseconds: number,
): Promise<Exchange> {
  let connection: Connection | undefined;
  try {
    const opened = host.connect(socket, timeoutMilliseconds);
    connection = isPending(opened) ? await opened : opened;
    const sent = post(host, connection, CALL_PATH, body);
    if (isPending(sent)) await sent;
    const result = await receive(host, connection, socket, timeoutMilliseconds);
    if (result.kind === "unserved") connection.close();
    return result;
  } catch (error) {
    connection?.close();
    if (!(error instanceof HostError)) throw error;
    return unserved(`${error.message}.`);
  }
}

/** Does not wait for the broker's 204: the bytes are with the kernel when this returns. */
export function sendConfirmation(
  host: Host,
  connection: Connection,
  token: string,
): Awaitable<void> {
  return post(host, connection, CONFIRM_PATH, JSON.stringify({ confirm: token }));
}

const CALL_PATH = "/v1/cni";
const CONFIRM_PATH = "/v1/cni/confirm";
const START_HINT =
  'start the broker ("systemctl start cocoon-net"), look at "systemctl status cocoon-net", and check "socket" under "ipam" in the network configuration.';

function unserved(details: string): Exchange & { kind: "unserved" } {
  return {
    kind: "unserved",
    message: "the cocoon-net broker does not serve",
    details,
    hint: START_HINT,
  };
}

function post(host: Host, connection: Connection, path: string, body: string): Awaitable<void> {
  const bytes = host.encode(body);
  const head = host.encode(postHead(path, bytes.length));
  return connection.send(concat([head, bytes], head.length + bytes.length));
}

async function receive(
  host: Host,
  connection: Connection,
  socket: string,
  timeout: number,
): Promise<Exchange> {
  const deadline = milliseconds(host) + timeout;
  let bytes = new Uint8Array(0);
  for (;;) {
    const received = connection.receive();
    const part = isPending(received) ? await received : received;
    if (part.length === 0)
      return unserved(
        `The broker at ${socket} closed the connection before its answer was complete.`,
      );
    bytes =
      bytes.length === 0 ? part.slice() : concat([bytes, part], bytes.length + part.length).slice();
    if (bytes.length > MAX_RESPONSE_BYTES)
      return unserved(`The answer of ${socket} is longer than ${MAX_RESPONSE_BYTES} bytes.`);
    const response = parseResponse(bytes);
    if (response.kind === "complete")
      return interpret(response.status, host.decode(response.body), connection, socket);
    if (response.kind === "malformed")
      return unserved(`The answer of ${socket} cannot be read: ${response.why}.`);
    if (milliseconds(host) > deadline) throw new HostError("read from", socket, EAGAIN);
  }
}

function milliseconds(host: Host): number {
  return Number(host.boottime()) / 1e6;
}

function interpret(status: number, body: string, connection: Connection, socket: string): Exchange {
  const object = parseObject(body);
  if (status !== 200) return refusal(status, object ?? {}, socket);
  const answer = object === undefined ? undefined : toAnswer(object);
  if (answer === undefined)
    return unserved(
      `The answer of ${socket} is not what POST ${CALL_PATH} gives: is another program listening there?`,
    );
  return { kind: "served", answer, connection };
}

/** The broker's own words where it gives any. */
function refusal(status: number, object: Record<string, unknown>, socket: string): Exchange {
  const said = asText(object["message"]);
  return {
    kind: "unserved",
    message: `the cocoon-net broker cannot serve${said === undefined ? "" : `: ${said}`}`,
    details: `${socket} answered with status ${status}. ${asText(object["details"]) ?? ""}`.trim(),
    hint: asText(object["hint"]) ?? START_HINT,
  };
}

function toAnswer(object: Record<string, unknown>): Answer | undefined {
  const { exitCode, stdout, stderr = "", confirm } = object;
  if (exitCode !== 0 && exitCode !== 1) return undefined;
  if (typeof stdout !== "string" || typeof stderr !== "string") return undefined;
  if (confirm !== undefined && typeof confirm !== "string") return undefined;
  return { exitCode, stdout, stderr, confirm };
}

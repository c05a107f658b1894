// Decides what one call of the plugin does: hands it to the broker, and knows what must work without one.
import { aboutText, CODE, errorText, type Failure, versionText } from "./answer.ts";
import { type ConfPeek, peekConf } from "./conf.ts";
import { type Answer, type Exchange, exchange, sendConfirmation } from "./exchange.ts";
import { type Awaitable, type Connection, type Host, HostError, isPending } from "./host.ts";
import {
  buildRequest,
  type CallRequest,
  MAX_REQUEST_BYTES,
  type Stamp,
  takeStamp,
} from "./request.ts";
import { spoolRelease } from "./spool.ts";
import {
  readAll,
  readReady,
  STANDARD_ERROR,
  STANDARD_INPUT,
  STANDARD_OUTPUT,
  writeAll,
} from "./stream.ts";

/** An ADD may wait for its turn, its commit and its route; runtimes give it two minutes or more. */
const ADD_TIMEOUT_MILLISECONDS = 60_000;
const OTHER_TIMEOUT_MILLISECONDS = 10_000;
/** The release is durable by then: the second try only saves the broker the wait for its folder watch. */
const SECOND_TRY_TIMEOUT_MILLISECONDS = 2_000;

type Verb = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";
const VERBS: readonly string[] = ["ADD", "DEL", "CHECK", "GC", "STATUS"] satisfies Verb[];

/** One call from start to exit code. Never rejects: what was not foreseen becomes CNI error 999. */
export async function run(host: Host, version: string): Promise<number> {
  let command = "";
  try {
    command = host.environment("CNI_COMMAND") ?? "";
    return await dispatch(host, version, command);
  } catch (error) {
    const details = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const failure: Failure = {
      code: CODE.internal,
      message: "cocoon-ipam failed",
      details,
      hint: "report this as a fault of cocoon-ipam.",
    };
    return fail(host, failure, undefined, command);
  }
}

function dispatch(host: Host, version: string, command: string): Awaitable<number> {
  if (command === "") {
    warn(host, aboutText(version));
    return 0;
  }
  if (command === "VERSION") {
    // Must not wait for standard input, yet the answer repeats the version that is written there.
    return print(host, versionText(peekConf(readReady(host, MAX_REQUEST_BYTES)).cniVersion))
      ? 0
      : 1;
  }
  if (!isVerb(command)) {
    const failure = {
      code: CODE.environment,
      message: `unknown CNI_COMMAND: ${command}`,
      details: `CNI_COMMAND is "${command}".`,
      hint: `it must be VERSION or one of ${VERBS.join(", ")}.`,
    };
    return fail(host, failure, peekConf(readReady(host, MAX_REQUEST_BYTES)).cniVersion, command);
  }
  return serve(host, version, command);
}

function isVerb(command: string): command is Verb {
  return VERBS.includes(command);
}

async function serve(host: Host, version: string, verb: Verb): Promise<number> {
  const stamp = takeStamp(host);
  const input = readInput(host);
  // A release needs only the environment: a DEL goes on without a configuration that cannot be read.
  if (typeof input !== "string" && verb !== "DEL") return fail(host, input, undefined, verb);
  const text = typeof input === "string" ? input : "";
  const conf = peekConf(text);
  const request = buildRequest(host, version, stamp, text);
  const body = boundedBody(host, request, verb);
  if (body === undefined) return fail(host, TOO_LONG, conf.cniVersion, verb);
  const timeout = verb === "ADD" ? ADD_TIMEOUT_MILLISECONDS : OTHER_TIMEOUT_MILLISECONDS;
  const result = await exchange(host, conf.socket, body, timeout);
  if (result.kind === "served") return await deliver(host, result.answer, result.connection);
  if (verb === "DEL") return await release(host, conf, request, body, result);
  return fail(
    host,
    { ...result, code: verb === "STATUS" ? CODE.unavailable : CODE.tryAgain },
    conf.cniVersion,
    verb,
  );
}

const TOO_LONG: Failure = {
  code: CODE.conf,
  message: "the network configuration is too long",
  details: `Standard input, written as JSON for the broker, has more than ${MAX_REQUEST_BYTES} bytes.`,
  hint: "shorten the configuration.",
};

/** The configuration, or why there is none. */
function readInput(host: Host): string | Failure {
  try {
    const bytes = readAll(host, STANDARD_INPUT, MAX_REQUEST_BYTES);
    return bytes === undefined ? TOO_LONG : host.decode(bytes);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return {
      code: CODE.io,
      message: "the network configuration cannot be read",
      details: `Standard input: ${error.message}.`,
      hint: "the runtime must give the configuration on standard input.",
    };
  }
}

/** Escapes lengthen a text; a DEL sheds its configuration when that takes it over the limit. */
function boundedBody(host: Host, request: CallRequest, verb: Verb): string | undefined {
  const body = JSON.stringify(request);
  if (host.encode(body).length <= MAX_REQUEST_BYTES) return body;
  return verb === "DEL" && request.stdin !== ""
    ? boundedBody(host, { ...request, stdin: "" }, verb)
    : undefined;
}

/** Prints what the broker answered and then tells it so: a result that nobody could read is not confirmed. */
async function deliver(host: Host, answer: Answer, connection: Connection): Promise<number> {
  try {
    if (answer.stderr !== "") warn(host, answer.stderr);
    if (!print(host, answer.stdout)) return 1;
    if (answer.confirm !== undefined) await confirm(host, connection, answer.confirm);
    return answer.exitCode;
  } finally {
    connection.close();
  }
}

/** Without its confirmation the lease stays provisional: the broker then looks for the container itself. */
async function confirm(host: Host, connection: Connection, token: string): Promise<void> {
  try {
    const sent = sendConfirmation(host, connection, token);
    if (isPending(sent)) await sent;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    warn(
      host,
      `cocoon-ipam: the broker could not be told that the result was delivered: ${error.message}\n`,
    );
  }
}

/** A DEL that no broker took. */
async function release(
  host: Host,
  conf: ConfPeek,
  request: CallRequest,
  body: string,
  cause: Exchange & { kind: "unserved" },
): Promise<number> {
  const missing = ["CNI_CONTAINERID", "CNI_IFNAME"].filter(
    (name) => (request.env[name] ?? "") === "",
  );
  if (missing.length > 0) return fail(host, missingVariables(missing), conf.cniVersion, "DEL");
  const failure = spool(host, conf.spool, request.stamp, body, cause);
  if (failure !== undefined) return fail(host, failure, conf.cniVersion, "DEL");
  // The broker may have come up, and drained the folder, since the first try; either way the file stays its to remove.
  const second = await exchange(host, conf.socket, body, SECOND_TRY_TIMEOUT_MILLISECONDS);
  if (second.kind === "served") second.connection.close();
  return 0;
}

function missingVariables(names: readonly string[]): Failure {
  return {
    code: CODE.environment,
    message: `required env variables [${names.join(",")}] missing`,
    details: "A release names the container and its interface.",
    hint: "the runtime must set them.",
  };
}

function spool(
  host: Host,
  folder: string,
  stamp: Stamp,
  body: string,
  cause: Exchange & { kind: "unserved" },
): Failure | undefined {
  try {
    spoolRelease(host, folder, stamp, body);
    return undefined;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return {
      code: CODE.tryAgain,
      message: "the address could not be released: no broker, and the release could not be kept",
      details: `Spool folder ${folder}: ${error.message}. Broker: ${cause.message}: ${cause.details}`,
      hint: `make the spool folder writable or ${cause.hint}`,
    };
  }
}

/** Prints the error; 1, the exit code that goes with it. */
function fail(host: Host, failure: Failure, cniVersion: string | undefined, command: string): 1 {
  print(host, errorText(failure, cniVersion, command));
  return 1;
}

/** False where the reader is gone; standard error then says why. */
function print(host: Host, text: string): boolean {
  try {
    writeAll(host, STANDARD_OUTPUT, text);
    return true;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    warn(
      host,
      `cocoon-ipam: the result could not be written to standard output: ${error.message}\n`,
    );
    return false;
  }
}

/** For people; where nobody listens there is nobody left to tell. */
function warn(host: Host, text: string): void {
  try {
    writeAll(host, STANDARD_ERROR, text);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
  }
}

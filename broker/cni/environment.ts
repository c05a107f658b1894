// The verbs and the CNI_* variables that each of them needs, as libcni's skeleton checks them.

import { type CniFailure, cniCodes, failure } from "./failure.ts";
import { MAX_CONTAINER_ID, isCniName } from "./netconf.ts";

type Variable = "CNI_CONTAINERID" | "CNI_NETNS" | "CNI_IFNAME" | "CNI_PATH";

/**
 * Needed variables, in the order in which an error names them. DEL and STATUS do without CNI_PATH: the spec has it
 * optional, and a release or a question must not fail for it.
 */
const neededBy: Readonly<Record<string, readonly Variable[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: ["CNI_PATH"],
  STATUS: [],
};

/** Longest interface name in bytes: IFNAMSIZ of Linux without the final zero. */
const MAX_IFNAME_BYTES = 15;

/** What is wrong with the environment; `containerId` comes without the white space around it. */
export function environmentFailure(
  env: Readonly<Record<string, string>>,
  containerId: string,
): CniFailure | undefined {
  const command = env["CNI_COMMAND"] ?? "";
  if (command === "") return missing(["CNI_COMMAND"]);
  const needed = Object.hasOwn(neededBy, command) ? neededBy[command] : undefined;
  if (needed === undefined) return invalid(`unknown CNI_COMMAND: ${command.slice(0, 64)}`);
  const value = (name: Variable): string =>
    name === "CNI_CONTAINERID" ? containerId : (env[name] ?? "");
  const absent = needed.filter((name) => value(name) === "");
  if (absent.length > 0) return missing(absent);
  if (!needed.includes("CNI_CONTAINERID")) return undefined;
  return containerIdFailure(containerId) ?? ifnameFailure(value("CNI_IFNAME"));
}

function containerIdFailure(containerId: string): CniFailure | undefined {
  if (!isCniName(containerId))
    return invalid("invalid characters in containerID", containerId.slice(0, MAX_CONTAINER_ID));
  if (containerId.length > MAX_CONTAINER_ID)
    return invalid("containerID is too long", `at most ${MAX_CONTAINER_ID} characters`);
  return undefined;
}

function ifnameFailure(ifname: string): CniFailure | undefined {
  if (new TextEncoder().encode(ifname).length > MAX_IFNAME_BYTES) {
    return invalid(
      "interface name is too long",
      `interface name should be less than ${MAX_IFNAME_BYTES + 1} characters`,
    );
  }
  if (ifname === "." || ifname === "..") return invalid("interface name is . or ..");
  if (/[/:\s]/u.test(ifname))
    return invalid("interface name contains / or : or whitespace characters");
  return undefined;
}

const missing = (names: readonly string[]): CniFailure =>
  invalid(`required env variables [${names.join(",")}] missing`);

const invalid = (message: string, details = ""): CniFailure =>
  failure(cniCodes.invalidEnvironment, message, details);

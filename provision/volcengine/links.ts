// Links of this machine as `ip` tells them: name, MAC, state and addresses, also of links that are down.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as z from "zod/mini";
import { parseMac } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import type { Link } from "./seen.ts";

/** A program that is run here answers within this, or is ended. */
const PROGRAM_DEADLINE_MS = 10_000;
/** A node with a thousand guests' links prints about a megabyte. */
const MAX_OUTPUT_BYTES = 64 * 1_024 * 1_024;
/** Built on other links, and may carry the MAC of one. */
const builtOnOthers = new Set(["bridge", "bond", "team", "vlan", "macvlan", "ipvlan"]);

const printed = z.array(
  z.object({
    // What another process removes meanwhile is printed as an empty object.
    ifname: z._default(z.string(), ""),
    address: z._default(z.string(), ""),
    flags: z._default(z.array(z.string()), []),
    linkinfo: z.optional(z.object({ info_kind: z._default(z.string(), "") })),
    addr_info: z._default(
      z.array(z.object({ family: z._default(z.string(), ""), local: z._default(z.string(), "") })),
      [],
    ),
  }),
);

/** In the order of the kernel. Throws `system-failure` when `ip` cannot be run. */
export async function readLinks(signal?: AbortSignal): Promise<readonly Link[]> {
  const text = await runIp(["-json", "-details", "address", "show"], signal);
  const parsed = printed.safeParse(jsonOf(text));
  if (!parsed.success) throw failure("-json address show", "its output cannot be read");
  return parsed.data.flatMap(({ ifname: name, address, flags, linkinfo, addr_info }) => {
    const mac = parseMac(address);
    if (mac === undefined || builtOnOthers.has(linkinfo?.info_kind ?? "")) return [];
    const addresses = addr_info.filter(({ family }) => family === "inet");
    return [
      { name, mac, up: flags.includes("UP"), addresses: addresses.map(({ local }) => local) },
    ];
  });
}

const runFile = promisify(execFile);

/** Runs a program without a shell; rejects with its error when it fails or takes too long. */
export async function runProgram(
  program: string,
  words: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const { stdout } = await runFile(program, words, {
    timeout: PROGRAM_DEADLINE_MS,
    killSignal: "SIGKILL",
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(signal === undefined ? {} : { signal }),
  });
  return stdout;
}

export async function runIp(words: readonly string[], signal?: AbortSignal): Promise<string> {
  try {
    return await runProgram("ip", words, signal);
  } catch (thrown) {
    signal?.throwIfAborted();
    const said = thrown instanceof Error && "stderr" in thrown ? String(thrown.stderr).trim() : "";
    throw failure(words.join(" "), said === "" ? String(thrown) : said, thrown);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const failure = (words: string, reason: string, cause?: unknown): BrokerError =>
  new BrokerError("system-failure", `ip ${words} failed: ${reason}`, {
    hint: "run this as root in the host's network namespace, with iproute2 installed",
    cause,
  });

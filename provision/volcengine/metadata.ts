// What the metadata server says of this instance, by the documented paths and by the older ones.

import { BrokerError } from "#core/errors.ts";
import type { NodeIdentity } from "#provision/journal.ts";
import { plainRequest } from "#provision/plain-http.ts";
import { withDeadline } from "#provision/retry.ts";

export const METADATA_ENDPOINT = "http://100.96.0.96";
/** Each request; the server is on this host's own network. */
const REQUEST_DEADLINE_MS = 900;
/** All that detecting does. */
const DETECT_DEADLINE_MS = 2_000;
const MAX_BYTES = 64 * 1_024;
const TOKEN_SECONDS = "21600";

export interface Metadata {
  /** This instance; `undefined` when nothing here answers as this cloud does. At most 2 s. */
  identity(signal: AbortSignal): Promise<NodeIdentity | undefined>;
  /** The text at a path; `undefined`: there is none. Throws `cloud-unavailable`. */
  read(path: string, signal: AbortSignal): Promise<string | undefined>;
}

/** Documented names under /latest, older ones under /latest/meta-data. */
const paths = {
  instance: ["/latest/instance_id", "/latest/meta-data/instance-id"],
  zone: ["/latest/availability_zone", "/latest/meta-data/placement/availability-zone"],
  region: ["/latest/region_id"],
  vpc: ["/latest/vpc_id", "/latest/meta-data/vpc-id"],
  instanceType: ["/latest/instance_type_id", "/latest/meta-data/instance-type"],
} as const;

/** 100.96.0.0/11 is shared address space (RFC 6598): others may answer there, but not like this. */
const instanceId = /^i-[a-z0-9]{4,64}$/;
const shortName = /^[a-z0-9][a-z0-9.-]{0,63}$/i;

export function openMetadata(endpoint: string): Metadata {
  let token: Promise<string> | undefined;
  const fetchText = async (
    path: string,
    headers: Record<string, string>,
    method: "GET" | "PUT",
    signal: AbortSignal,
  ) =>
    withDeadline(REQUEST_DEADLINE_MS, signal, async (limited) => {
      const options = { method, headers, maxBytes: MAX_BYTES, signal: limited };
      return plainRequest(`${endpoint}${path}`, options);
    });
  /** Version 2 of the metadata wants a token; where there is only version 1, plain requests do. */
  const tokenOf = async (signal: AbortSignal): Promise<string> => {
    const headers = { "X-volc-ecs-metadata-token-ttl-seconds": TOKEN_SECONDS };
    const { status, text } = await fetchText("/latest/api/token", headers, "PUT", signal);
    return status === 200 ? text.trim() : "";
  };
  const read = async (path: string, signal: AbortSignal): Promise<string | undefined> => {
    token ??= tokenOf(signal);
    const held = await token.catch((thrown: unknown) => {
      token = undefined;
      throw thrown;
    });
    const headers: Record<string, string> =
      held === "" ? {} : { "X-volc-ecs-metadata-token": held };
    const { status, text } = await fetchText(path, headers, "GET", signal);
    if (status === 200) return text;
    if (status === 401) token = undefined;
    if (status === 404) return undefined;
    throw unavailable(`${path} was answered with HTTP status ${status}`);
  };
  const first = async (names: readonly string[], signal: AbortSignal): Promise<string> => {
    for (const name of names) {
      const text = (await read(name, signal))?.trim();
      if (text !== undefined && shortName.test(text)) return text;
    }
    return "";
  };
  return {
    read: async (path, signal) => {
      try {
        return await read(path, signal);
      } catch (thrown) {
        signal.throwIfAborted();
        throw thrown instanceof BrokerError ? thrown : unavailable(reasonOf(thrown), thrown);
      }
    },
    identity: (signal) => identify(first, signal),
  };
}

type First = (names: readonly string[], signal: AbortSignal) => Promise<string>;

async function identify(first: First, signal: AbortSignal): Promise<NodeIdentity | undefined> {
  try {
    return await withDeadline(DETECT_DEADLINE_MS, signal, async (limited) => {
      const instance = await first(paths.instance, limited);
      if (!instanceId.test(instance)) return undefined;
      const [zone, region, vpc, instanceType] = await Promise.all([
        first(paths.zone, limited),
        first(paths.region, limited),
        first(paths.vpc, limited),
        first(paths.instanceType, limited),
      ]);
      // Zones are named after their region: cn-beijing-a.
      const named = region === "" ? zone.replace(/-[a-z0-9]+$/, "") : region;
      return { instance, region: named, zone, vpc, instanceType };
    });
  } catch {
    // Whatever is wrong there, it is not the metadata server of this cloud.
    signal.throwIfAborted();
    return undefined;
  }
}

const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

const unavailable = (reason: string, cause?: unknown): BrokerError =>
  new BrokerError(
    "cloud-unavailable",
    `the metadata server of Volcengine cannot be used: ${reason}`,
    {
      hint: "run this on the node itself, in the host's network namespace; check that 100.96.0.96 is reachable",
      cause,
    },
  );

// Facts of the ways into this node: secondary NICs with who else manages them, and the guest agent's local routes.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parseMac } from "#core/address.ts";
import { containsPrefix, parsePrefix } from "#core/prefix.ts";
import { type AgentSeen, GuestAgent, restartUnits } from "#provision/gke/guest-agent.ts";
import { type Attachment, provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { openHost } from "#provision/volcengine/host.ts";
import { managersOf } from "./dhcp-clients.ts";

export interface SecondaryNic {
  /** Its name now; the recorded one while no link is it. */
  readonly nic: string;
  readonly state: "up" | "down" | "absent";
  /** IPv4. */
  readonly addresses: readonly string[];
  /** Programs that would give it addresses. */
  readonly managers: readonly string[];
}

export interface UplinkFacts {
  readonly secondary: readonly SecondaryNic[];
  /** Blocks inside the subnet that the guest agent made local; `undefined`: they could not be read. */
  readonly agentRoutes: readonly string[] | undefined;
  /** `undefined`: not on GKE, or its configuration cannot be read. */
  readonly agent: AgentSeen | undefined;
}

const DEADLINE_MS = 5_000;
/** The number by which Google's guest agent marks its routes. */
const AGENT_PROTOCOL = "66";

export async function gatherUplinks(pool: PoolFile | undefined): Promise<UplinkFacts> {
  if (pool === undefined) return { secondary: [], agentRoutes: [], agent: undefined };
  if (pool.platform !== "gke")
    return { secondary: await secondaryNics(pool), agentRoutes: [], agent: undefined };
  const [secondary, agentRoutes, agent] = await Promise.all([
    secondaryNics(pool),
    localRoutes(pool.subnet),
    new GuestAgent({ root: "/", restart: restartUnits }).observe().catch(() => undefined),
  ]);
  return { secondary, agentRoutes, agent };
}

async function secondaryNics(pool: PoolFile): Promise<readonly SecondaryNic[]> {
  if (pool.secondaryNICs.length === 0) return [];
  const links = await openHost().links();
  const attachments = attachmentsOf(pool);
  return Promise.all(
    pool.secondaryNICs.map(async (recorded): Promise<SecondaryNic> => {
      // Names change from boot to boot, MACs do not.
      const mac = parseMac(attachments.find(({ nic }) => nic === recorded)?.mac ?? "");
      const link = links.find((one) =>
        mac === undefined ? one.name === recorded : one.mac === mac,
      );
      if (link === undefined)
        return { nic: recorded, state: "absent", addresses: [], managers: [] };
      const { name: nic, up, addresses } = link;
      return { nic, state: up ? "up" : "down", addresses, managers: await managersOf(nic) };
    }),
  );
}

function attachmentsOf(pool: PoolFile): readonly Attachment[] {
  try {
    return provisioningOf(pool)?.attachments ?? [];
  } catch {
    // Another finding says that the journal cannot be read; names are what is left.
    return [];
  }
}

async function localRoutes(subnet: string): Promise<readonly string[] | undefined> {
  const words = ["-4", "-json", "route", "show", "table", "local", "proto", AGENT_PROTOCOL];
  try {
    const { stdout } = await promisify(execFile)("ip", words, { timeout: DEADLINE_MS });
    return agentRoutesIn(stdout, subnet);
  } catch {
    // iproute2 is missing or too old: the finding says that this could not be looked at.
    return undefined;
  }
}

/** Blocks of `ip -json route` that lie inside the subnet. */
export function agentRoutesIn(json: string, subnet: string): readonly string[] {
  const block = parsePrefix(subnet);
  const routes: unknown = JSON.parse(json.trim() === "" ? "[]" : json);
  if (block === undefined || !Array.isArray(routes)) return [];
  return routes.flatMap((route: unknown) => {
    const text = typeof route === "object" && route !== null && "dst" in route ? route.dst : "";
    if (typeof text !== "string") return [];
    const inner = parsePrefix(text.includes("/") ? text : `${text}/32`);
    return inner !== undefined && containsPrefix(block, inner) ? [text] : [];
  });
}

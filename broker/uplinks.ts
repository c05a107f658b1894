// What provisioning recorded of secondary NICs, made into this boot's names, and the task that keeps their rules.

import { type Mac, parseMac } from "#core/address.ts";
import { type Prefix, parsePrefix } from "#core/prefix.ts";
import type { Millis } from "#core/time.ts";
import { type UplinkChange, type UplinkPort, describeUplinkChange } from "#broker/node/uplinks.ts";
import { type Provisioning, provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";
import type { Parts } from "./parts.ts";
import type { Standing } from "./standing.ts";
import type { Telemetry } from "./telemetry.ts";
import { type UplinkKeeper, createUplinkKeeper } from "./uplink-keeper.ts";

/** What the machine says of its NICs. */
export interface Nics {
  byMac(): Promise<ReadonlyMap<Mac, string>>;
  indexOf(nic: string): number | undefined;
}

/** The pool file with the names that the secondary NICs have now; a NIC that is not here keeps its recorded name. */
export async function withNicNames(file: PoolFile, byMac: Nics["byMac"]): Promise<PoolFile> {
  const { attachments } = provisioningOf(file) ?? { attachments: [] };
  if (attachments.length === 0) return file;
  const names = await byMac();
  const secondaryNICs = attachments.map(({ mac, nic }) => {
    const parsed = parseMac(mac);
    return (parsed === undefined ? undefined : names.get(parsed)) ?? nic;
  });
  return { ...file, secondaryNICs };
}

/** Ranges of the VPC that provisioning recorded: traffic to them keeps its source. */
export const vpcCidrsOf = (file: PoolFile): readonly Prefix[] =>
  (provisioningOf(file)?.vpcCIDRs ?? []).flatMap((text) => parsePrefix(text) ?? []);

export interface UplinksInput {
  readonly file: PoolFile;
  readonly config: Pick<Config, "bridge">;
  readonly port: UplinkPort;
  readonly nics: Nics;
  readonly now: () => Millis;
  readonly standing: Standing;
  readonly telemetry: Telemetry;
  readonly parts: Pick<Parts, "trouble">;
}

/** `undefined` on a node without a cloud: there is nothing of the kind to keep. */
export function createUplinks(input: UplinksInput): UplinkKeeper | undefined {
  const { file, config, nics, standing, telemetry } = input;
  const subnet = parsePrefix(file.subnet);
  if (file.platform === "local" || subnet === undefined) return undefined;
  const recorded: Pick<Provisioning, "attachments"> = provisioningOf(file) ?? { attachments: [] };
  return createUplinkKeeper({
    network: { bridge: config.bridge, subnet, vpcCidrs: vpcCidrsOf(file) },
    attachments: recorded.attachments,
    port: input.port,
    nicsByMac: () => nics.byMac(),
    indexOf: (nic) => nics.indexOf(nic),
    now: input.now,
    onChange: (changes) => report(changes, telemetry),
    onFight: (item) => {
      const message = item.startsWith("delete-agent-route")
        ? "the guest agent keeps putting back its local route for this node's addresses; switch that off: docs/gke.md"
        : `somebody else keeps changing what ${item} puts right; it is put right less often`;
      standing.warn("uplinks", message);
      telemetry.log.warn({ item }, message);
    },
    trouble: input.parts.trouble,
  });
}

function report(changes: readonly UplinkChange[], { meters, log }: Telemetry): void {
  for (const { change } of changes) meters.nodeRepair(change);
  log.info(
    { changed: changes.map(describeUplinkChange) },
    `uplinks: ${changes.length} items put right`,
  );
}

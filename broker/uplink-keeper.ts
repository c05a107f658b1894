// Task: source rules and tables of secondary NICs as they should be, and a guest agent's local routes gone.

import { type Mac, parseIp, parseMac } from "#core/address.ts";
import { toBrokerError } from "#core/errors.ts";
import { MINUTE, type Millis, SECOND } from "#core/time.ts";
import { createFights } from "#broker/node/fights.ts";
import {
  type Uplink,
  type UplinkChange,
  type UplinkNetwork,
  type UplinkPort,
  describeUplinkChange,
  desiredUplinks,
  diffUplinks,
} from "#broker/node/uplinks.ts";
import type { Attachment } from "#provision/journal.ts";
import { type Task, pause } from "./task.ts";

/** A look without any sign of a change, in milliseconds; spec section 3 wants drift repaired within 15 s. */
const PERIOD = 10 * SECOND;
/** How long a gateway's MAC is believed, in milliseconds. */
const GATEWAY_AGE = MINUTE;

export interface UplinkKeeperOptions {
  readonly network: UplinkNetwork;
  /** Secondary interfaces as provisioning recorded them, in the order of their slots. */
  readonly attachments: readonly Attachment[];
  readonly port: UplinkPort;
  /** Names of this machine's NICs by MAC. */
  readonly nicsByMac: () => Promise<ReadonlyMap<Mac, string>>;
  readonly indexOf: (nic: string) => number | undefined;
  readonly now: () => Millis;
  readonly onChange: (changes: readonly UplinkChange[]) => void;
  /** Once per fight: someone else keeps changing this. */
  readonly onFight: (item: string) => void;
  readonly trouble: (what: string, error: Error) => void;
}

export interface UplinkKeeper extends Task {
  /** At start, before anything is served. */
  apply(): Promise<void>;
  /** Links or routes changed: look at once. */
  touch(): void;
}

export function createUplinkKeeper(options: UplinkKeeperOptions): UplinkKeeper {
  const { network, port, now } = options;
  const fights = createFights();
  const gateways = new Map<number, { readonly mac: Mac; readonly at: Millis }>();
  let told = "";
  let early = new AbortController();

  const gatewayMac = async (link: number, attachment: Attachment): Promise<Mac | undefined> => {
    const known = gateways.get(link);
    if (known !== undefined && now() < known.at + GATEWAY_AGE) return known.mac;
    const gateway = parseIp(attachment.gateway);
    const sender = parseIp(attachment.ips[0] ?? "");
    if (gateway === undefined || sender === undefined) return known?.mac;
    const mac = await port.resolve(link, gateway, sender);
    if (mac !== undefined) gateways.set(link, { mac, at: now() });
    return mac ?? known?.mac;
  };

  /** What is here of the recorded NICs; the others are told, once. */
  const present = async (): Promise<readonly Uplink[]> => {
    const { attachments } = options;
    const names = attachments.length === 0 ? new Map<Mac, string>() : await options.nicsByMac();
    const missing: string[] = [];
    const here = attachments.flatMap((attachment, index) => {
      const mac = parseMac(attachment.mac);
      const name = mac === undefined ? undefined : names.get(mac);
      const link = name === undefined ? undefined : options.indexOf(name);
      if (name !== undefined && link !== undefined)
        return [{ slot: index + 1, link, name, attachment }];
      missing.push(`${attachment.eniID} (${attachment.mac})`);
      return [];
    });
    // All at once: a gateway that does not answer takes its time, and the broker's start waits for this.
    const uplinks = await Promise.all(
      here.map(async ({ attachment, ...uplink }) => ({
        ...uplink,
        addresses: attachment.ips.flatMap((text) => parseIp(text) ?? []),
        gatewayMac: await gatewayMac(uplink.link, attachment),
      })),
    );
    tell(missing);
    return uplinks;
  };

  const tell = (missing: readonly string[]): void => {
    const text = missing.join(", ");
    if (text !== "" && text !== told)
      options.trouble(
        "uplinks",
        new Error(`no NIC here has the MAC of ${text}; see cocoon-net status`),
      );
    told = text;
  };

  const apply = async (): Promise<void> => {
    const desired = desiredUplinks(network, await present());
    const changes = diffUplinks(desired, await port.observe(), network.subnet).filter(
      (change) => insists(change) || fights.mayRepair(describeUplinkChange(change), now()),
    );
    if (changes.length === 0) return;
    const answers = await port.apply(changes);
    const made = changes.filter((_, index) => answers[index] === undefined);
    for (const change of made)
      if (fights.repaired(describeUplinkChange(change), now()))
        options.onFight(describeUplinkChange(change));
    for (const error of answers) if (error !== undefined) options.trouble("uplinks", error);
    if (made.length > 0) options.onChange(made);
  };

  return {
    name: "uplinks",
    apply,
    touch: () => early.abort(),
    async run(signal) {
      while (!signal.aborted) {
        await pause(PERIOD, AbortSignal.any([signal, early.signal]));
        if (signal.aborted) return;
        // Before looking: what changes while it looks is looked at next.
        early = new AbortController();
        await apply().catch((thrown: unknown) => options.trouble("uplinks", toBrokerError(thrown)));
      }
    },
  };
}

/** While an agent's route stands, guests are not reached at all: it goes however often it comes back. */
const insists = ({ change }: UplinkChange): boolean => change === "delete-agent-route";

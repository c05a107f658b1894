// Calls as the plugin makes them for the containers in the slots: bodies, stamps, and what each slot is about.

import type { Mac } from "#core/address.ts";
import type { Stamp } from "#core/time.ts";
import type { Began, Container } from "./model.ts";
import type { Simple } from "./operation.ts";
import type { Pod, Session } from "./session.ts";

export type Of<Name extends Simple["op"]> = Extract<Simple, { readonly op: Name }>;

/** How an operation is carried out: alone every answer can be foretold, among others only what all orders have in common. */
export interface Setting {
  readonly session: Session;
  readonly alone: boolean;
  /** Tells the model; answers that come at the same time are told in the order in which their calls began. */
  readonly tell: (began: Began, told: () => void) => void;
}

export const NETWORK = "torture";
export const interfaces = ["eth0", "net1"] as const;

export const isDual = (slot: number): boolean => slot % 5 === 4;
export const isSticky = (slot: number): boolean => slot % 6 === 5;
const macOf = (slot: number, port: number): Mac | undefined =>
  slot % 3 === 0
    ? (`02:cc:00:00:0${port}:${slot.toString(16).padStart(2, "0")}` as Mac)
    : undefined;

const beganOf = ({ bootId, boottime }: Stamp): Began => ({
  boot: bootId,
  number: BigInt(boottime),
});

export interface Call {
  readonly body: { readonly stamp: Stamp; readonly stdin: string };
  readonly began: Began;
  readonly container: Container;
}

export function callOf(
  session: Session,
  verb: string,
  pod: Pod,
  slot: number,
  port: number,
  more: object = {},
  before?: Began,
): Call {
  const ifname = interfaces[port] ?? "eth0";
  const container = session.model.container(NETWORK, pod.id, ifname);
  const stamp =
    before === undefined
      ? session.machine.stamp()
      : { bootId: before.boot, boottime: String(before.number - 1n) };
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: pod.id,
    CNI_NETNS: pod.namespace?.path ?? "",
    CNI_IFNAME: ifname,
    CNI_PATH: "/opt/cni/bin",
  };
  const body = {
    version: "0.1.0",
    env,
    stdin: JSON.stringify({ ...confOf(slot, port), ...more }),
    stamp,
    ...(pod.namespace === undefined ? {} : { netns: pod.namespace.identity }),
  };
  return { body, began: beganOf(stamp), container };
}

function confOf(slot: number, port: number): object {
  const mac = macOf(slot, port);
  const ranges = [[{ subnet: "10.203.8.0/26" }], [{ subnet: "fd00:203::/120" }]];
  return {
    cniVersion: "1.1.0",
    name: NETWORK,
    type: "bridge",
    ipam: {
      type: "cocoon-ipam",
      ...(isDual(slot) ? { ranges } : {}),
      ...(isSticky(slot) ? { sticky: `keeper-${slot}-${port}` } : {}),
    },
    ...(mac === undefined ? {} : { runtimeConfig: { mac } }),
  };
}

/** As the plugin keeps a DEL that no broker took. */
export function spool(
  session: Session,
  { body, began, container: { key } }: Call,
  named = true,
): void {
  session.machine.spool(body);
  session.model.spooled.push({ key, began, named });
}

export function resultAddresses(result: unknown): string[] {
  const { ips } = result as { ips: { address: string }[] };
  return ips.map(({ address }) => address.replace(/\/\d+$/, ""));
}

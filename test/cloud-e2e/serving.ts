// The node at work: its broker, and guests on its bridge that got their addresses by DHCP.
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { type BrokerProcess, COCOON_NET, startBroker } from "#test/netns/broker.ts";
import { joinByVeth, namespaces, type NetworkNamespace } from "#test/netns/namespaces.ts";
import { type Capture, type Passing, captureIcmp } from "./capture.ts";
import { BEYOND } from "./vpc.ts";
import type { World } from "./world.ts";

export type CloudGuest = AsyncDisposable & {
  readonly namespace: NetworkNamespace;
  readonly address: string;
};

/** Starts `cocoon-net daemon` on the node, and waits until it serves. */
export const serve = ({ node }: World): Promise<BrokerProcess> =>
  startBroker({ ...node, command: [COCOON_NET, "daemon"] });

/** A guest on the bridge with a lease; each number may be used once at a time. */
export async function plugGuest({ node }: World, number: number): Promise<CloudGuest> {
  await using undo = new AsyncDisposableStack();
  const net = undo.use(await namespaces("guest"));
  const mac = `52:54:00:c1:00:0${number}`;
  await joinByVeth(
    { namespace: node.namespace, link: `guest${number}`, bridge: node.bridge },
    { namespace: net.guest, link: "eth0", mac },
  );
  const client = undo.use(await bindGuest("udhcpc", { namespace: net.guest, mac }, node.folder));
  const address = await client.address();
  const cleanUp = undo.move();
  return { namespace: net.guest, address, [Symbol.asyncDispose]: () => cleanUp.disposeAsync() };
}

const ping = (...words: readonly string[]) => ["ping", "-c", "1", "-W", "10", ...words];

/** How a guest's packets arrive in the VPC and beyond it; throws unless all are answered, the VPC's own too. */
export async function reach(
  world: World,
  guest: CloudGuest,
): Promise<{ readonly inside: Passing; readonly beyond: Passing }> {
  await using capture: Capture = await captureIcmp(world.vpc);
  await guest.namespace.exec(ping(world.host));
  await guest.namespace.exec(ping(BEYOND));
  await world.vpc.exec(ping("-I", world.host, guest.address));
  return {
    inside: await capture.requestTo(world.host),
    beyond: await capture.requestTo(BEYOND),
  };
}

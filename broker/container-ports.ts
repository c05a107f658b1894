// Which ports of the bridge are containers': those whose other end is in the namespace of a container that holds an address.

import type { Ledger } from "#core/ledger.ts";
import type { NodeLinks } from "#broker/node/ports.ts";

export interface ContainerPortsOptions {
  readonly bridge: string;
  readonly ledger: Ledger;
  readonly links: Pick<NodeLinks, "observe">;
  /** The kernel's number for the namespace at that path, as links name it. */
  readonly namespaceId: (path: string) => Promise<number | undefined>;
}

/** Of the ports asked about, by index, those that are containers'. */
export async function containerPorts(
  asked: readonly number[],
  { bridge, ledger, links, namespaceId }: ContainerPortsOptions,
): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  const standing = await links.observe();
  const master = standing.find((link) => link.name === bridge)?.index;
  /** Ports by the namespace of their other end. */
  const open = new Map<number, number>();
  for (const link of standing) {
    const { index, peerNamespace } = link;
    if (link.master === master && peerNamespace !== undefined && asked.includes(index))
      open.set(peerNamespace, index);
  }
  const paths = new Set<string>();
  for (const { owner, attachment } of ledger.leases())
    if (owner?.kind === "container" && attachment !== undefined) paths.add(attachment.netns);
  for (const path of paths) {
    if (open.size === 0) break;
    const id = await namespaceId(path);
    const port = id === undefined ? undefined : open.get(id);
    if (id === undefined || port === undefined) continue;
    found.add(port);
    open.delete(id);
  }
  return found;
}

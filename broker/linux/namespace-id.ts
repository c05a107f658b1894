// The kernel's number for another network namespace, by which a veth pair's end names the namespace of its peer.

import { open } from "node:fs/promises";
import { attribute, messageType, readAttributes, uint32 } from "./netlink-codec.ts";
import type { Netlink } from "./netlink.ts";

/** struct rtgenmsg, padded. */
const HEADER_BYTES = 4;
/** NETNSA_NSID and NETNSA_FD of include/uapi/linux/net_namespace.h. */
const NAMESPACE_ID = 1;
const NAMESPACE_FD = 3;

/** `undefined` when the file is gone, is no namespace, or no link leads there from this namespace. */
export async function namespaceId(netlink: Netlink, path: string): Promise<number | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  await using _closed = file;
  const body = Buffer.concat([
    Buffer.alloc(HEADER_BYTES),
    attribute(NAMESPACE_FD, uint32(file.fd)),
  ]);
  const [id] = await netlink
    .dump(
      messageType.getNamespaceId,
      body,
      (message) =>
        message.type === messageType.newNamespaceId
          ? readAttributes(message.body, HEADER_BYTES).get(NAMESPACE_ID)?.readInt32LE(0)
          : undefined,
      "entry",
    )
    // The kernel refuses what is no namespace.
    .catch(() => []);
  return id === undefined || id < 0 ? undefined : id;
}

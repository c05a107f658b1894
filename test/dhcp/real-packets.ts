// Packets that clients sent on a bridge, captured behind the UDP header, as seeds for damage and as examples to read.

export interface RealPacket {
  readonly name: string;
  readonly type: "discover" | "request" | "release";
  readonly bytes: Uint8Array;
}

/** Fixed fields and cookie of a client's packet; then its options as captured. */
function captured(
  name: string,
  type: RealPacket["type"],
  xid: string,
  flags: string,
  ciaddr: string,
  options: string,
): RealPacket {
  const head = `01010600${xid}0000${flags}${ciaddr}${"00".repeat(12)}020000000005${"00".repeat(202)}63825363`;
  return {
    name,
    type,
    bytes: Uint8Array.from(Buffer.from(head + options.replaceAll(" ", ""), "hex")),
  };
}

const UDHCPC =
  "3902024037080103060c0f1c2a790c03626f783c0c756468637020312e33352e303d0701020000000005ff";
const DHCPCD =
  "370e017903060c0f1a1c2133363a3b77390205c03d13ff00000005000100013293f2b50200000000055000910101ff";

export const corpus: readonly RealPacket[] = [
  captured("udhcpc 1.35 asks", "discover", "0cdb3b3f", "0000", "00000000", `350101 ${UDHCPC}`),
  captured(
    "udhcpc 1.35 takes an offer, by broadcast",
    "request",
    "0cdb3b3f",
    "8000",
    "00000000",
    `350103 32040a5c0002 36040a5c0001 ${UDHCPC}`,
  ),
  captured(
    "dhclient 4.4 asks",
    "discover",
    "e6631f16",
    "0000",
    "00000000",
    "350101 0c026468 3d0701020000000005 ff",
  ),
  captured(
    "dhclient 4.4 takes an offer",
    "request",
    "e6631f16",
    "0000",
    "00000000",
    "350103 36040a5c0001 32040a5c0002 0c026468 3d0701020000000005 ff",
  ),
  captured(
    "dhclient 4.4 releases",
    "release",
    "3b4dfe41",
    "0000",
    "0a5c0002",
    "350107 36040a5c0001 0c026468 3d0701020000000005 ff",
  ),
  captured(
    "dhcpcd 9.4 asks, with rapid commit",
    "discover",
    "3996e8bb",
    "0000",
    "00000000",
    `350101 ${DHCPCD}`,
  ),
];

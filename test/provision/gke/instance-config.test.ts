// The guest agent's configuration: one key is set and put back, and no byte of the rest changes.

import { assert, constantFrom, array, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { routesAreOff, turnBack, turnOff } from "#provision/gke/instance-config.ts";

const lines = [
  "",
  "# a comment",
  "; another = one",
  "[IpForwarding]",
  "[ipforwarding] ",
  "[Daemons]",
  "ip_aliases = true",
  "IP_ALIASES=false",
  "  ip_aliases : true",
  "# ip_aliases = false",
  "ethernet_proto_id = 66",
  "ip_aliases =",
  "no key at all",
  "ip_aliases = true\r",
];

describe("the guest agent's configuration", () => {
  it.each([
    ["", false],
    ["[IpForwarding]\nip_aliases = false\n", true],
    ["[ipforwarding]\nIP_Aliases=False", true],
    ["[IpForwarding]\nip_aliases = 0\r\n", true],
    ["[IpForwarding]\nip_aliases = true\n", false],
    ["[IpForwarding]\n# ip_aliases = false\n", false],
    ["[Daemons]\nip_aliases = false\n", false],
    ["[IpForwarding]\nip_aliases = false\nip_aliases = true\n", false],
    ["[IpForwarding]\n[Daemons]\nip_aliases = false\n", false],
    ["ip_aliases = false\n", false],
  ])("%j: routes off is %s", (text, off) => {
    expect(routesAreOff(text)).toBe(off);
  });

  it.each([
    ["", "[IpForwarding]\nip_aliases = false\n"],
    ["[Daemons]\na = b", "[Daemons]\na = b\n[IpForwarding]\nip_aliases = false"],
    [
      "[IpForwarding]\nethernet_proto_id = 66\n[Daemons]\n",
      "[IpForwarding]\nip_aliases = false\nethernet_proto_id = 66\n[Daemons]\n",
    ],
    ["[IpForwarding]\nip_aliases = true # yes\n", "[IpForwarding]\nip_aliases = false\n"],
  ])("%j is set in place", (text, wanted) => {
    expect(turnOff(text).text).toBe(wanted);
  });

  it("is off once it is set, and byte by byte what it was once it is put back", () => {
    assert(
      property(array(constantFrom(...lines), { maxLength: 12 }), (parts) => {
        const before = parts.join("\n");
        if (routesAreOff(before)) return;
        const { text, replaced } = turnOff(before);
        expect(routesAreOff(text)).toBe(true);
        expect(turnBack(text, replaced)).toBe(before);
      }),
    );
  });

  it("stays as somebody else has made it since", () => {
    const { text, replaced } = turnOff("[Daemons]\na = b\n");
    const changed = text.replace("false", "true");
    expect(turnBack(changed, replaced)).toBe(changed);
    const joined = `${text}ethernet_proto_id = 66\n`;
    expect(turnBack(joined, replaced)).toBe(
      "[Daemons]\na = b\n[IpForwarding]\nethernet_proto_id = 66\n",
    );
  });
});

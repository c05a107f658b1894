// The guest harness itself, with dnsmasq as the DHCP server: a real machine boots, gets a lease and is reached.
import { expect, test } from "vitest";
import { addBridge, namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { bootGuest } from "#test/vm/guest.ts";

const GATEWAY = "10.92.0.1";

test("a guest boots on a bridge, gets its address by DHCP and answers", async () => {
  await using folder = await temporaryFolder();
  await using net = await namespaces("node");
  await addBridge(net.node, "cni0", `${GATEWAY}/24`);
  const command = [
    "dnsmasq --keep-in-foreground --port=0 --conf-file=/dev/null --user=root --interface=cni0",
    "--dhcp-range=10.92.0.50,10.92.0.50,255.255.255.0,1h",
    `--dhcp-leasefile=${folder.path}/leases --pid-file=${folder.path}/pid`,
  ].flatMap((line) => line.split(" "));
  await using server = net.node.spawn(command);
  const setting = { namespace: net.node, bridge: "cni0", mac: "52:54:00:00:00:07" };
  await using guest = await bootGuest({ ...setting, folder: folder.path });
  const lease = await guest.lease();
  expect(lease, server.stderr()).toEqual({
    ip: "10.92.0.50",
    prefixLength: 24,
    router: GATEWAY,
    seconds: 3600,
  });
  await net.node.exec(["ping", "-c", "1", "-W", "10", lease.ip]);
  expect(await guest.exec(`ping -c 1 -W 10 ${GATEWAY}`)).toContain("1 packets received");
  expect(await guest.exec("cat /sys/class/net/eth0/address")).toBe(setting.mac);
  await expect(guest.exec("exit 4")).rejects.toThrow("exit code 4");
  await guest.kill();
});

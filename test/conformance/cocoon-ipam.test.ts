// Our plugin held to the cases, as host-local answers them (`strict`), and what it answers without `strict`.

import { expect, test } from "vitest";
import { cocoonIpam, freshBroker } from "./cocoon-ipam.ts";
import { createDriver } from "./driver.ts";
import { conformanceSuite } from "./suite.ts";

conformanceSuite(cocoonIpam);

test.each(cocoonIpam.versions)(
  "without strict a repeated ADD gives the same answer (%s)",
  async (version) => {
    await using sandbox = await freshBroker({});
    const driver = createDriver(cocoonIpam, sandbox, version);
    const parts = {
      ipam: { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:1::/64" }]] },
    };
    const first = await driver.add("pod", parts);
    expect((await driver.add("pod", parts)).stdout).toBe(first.stdout);
    await driver.del("pod", parts);
    expect(await driver.isFree("10.1.2.2", parts)).toBe(true);
  },
);

test("without ranges the node's pool is drawn from", async () => {
  await using sandbox = await freshBroker({});
  const driver = createDriver(cocoonIpam, sandbox, "1.1.0");
  expect(await driver.addresses("pod")).toEqual(["10.88.0.2/24"]);
});

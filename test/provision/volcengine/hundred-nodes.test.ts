// A hundred nodes that boot at once against one account that is throttled as the vendor's is: all of them finish.

import { expect, it } from "vitest";
import { FakeVolcengine } from "#test/clouds/volcengine/fake.ts";
import { GROUP, standardScenario } from "#test/clouds/volcengine/standard-scenario.ts";
import { block, joinNode } from "./node.ts";

const NODES = 100;
/** Milliseconds of the cloud in one of the machine's. */
const SCALE = 60;
const LIMIT_MS = 240_000;

it(
  `5: ${NODES} nodes throttled together, one account with 4 reads and 2 writes a second: everyone gets its pool`,
  async () => {
    const nodes = Array.from(
      { length: NODES },
      (_, index) => `i-ycnode${String(index).padStart(6, "0")}`,
    );
    const fake = new FakeVolcengine(
      standardScenario({ nodes, settings: { clockScale: SCALE, transition: { polls: 1 } } }),
    );
    // Each address counts in its group: so many nodes need a higher quota than the usual 2,000.
    fake.change({ kind: "security-group", id: GROUP, ipQuota: 20_000 });
    await using api = await fake.listen();
    const began = fake.now();
    let finished = 0;
    await using stack = new AsyncDisposableStack();
    const joined: Awaited<ReturnType<typeof joinNode>>[] = [];
    // Each machine has a metadata server of its own; here they share one processor, so they are asked one by one.
    for (const index of nodes.keys()) {
      const node = stack.use(await joinNode(fake, api.url, { nodes, index, scale: SCALE }));
      await node.identify();
      joined.push(node);
    }
    const boot = async (node: (typeof joined)[number], index: number) => {
      const subnet = block(`172.20.${index + 100}.0/24`);
      const { pool, calls } = await node.init({ subnet, poolSize: 20 });
      expect(pool.ips).toHaveLength(20);
      finished += 1;
      return [...calls.values()].reduce((sum, count) => sum + count, 0);
    };
    const calls = await Promise.all(joined.map(boot));
    expect(finished).toBe(NODES);
    const throttled = fake.log.calls.filter(({ status }) => status === 429).length;
    expect(throttled).toBeGreaterThan(NODES);
    expect(fake.audit()).toMatchObject({ lost: [], changed: [] });
    expect(fake.audit().enisLeft).toHaveLength(NODES);
    const sum = calls.reduce((all, count) => all + count, 0);
    process.stdout.write(
      `calls per node: ${Math.min(...calls)} to ${Math.max(...calls)}, ${Math.round(sum / NODES)} on average ` +
        `(${Math.round((sum - throttled) / NODES)} served); ${Math.round((fake.now() - began) / 1_000)} s of the cloud's time\n`,
    );
  },
  LIMIT_MS,
);

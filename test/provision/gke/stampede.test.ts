// A hundred nodes boot at once against one project whose rate quota is too small for them.

import { describe, expect, it } from "vitest";
import type { Timing } from "#provision/retry.ts";
import { FakeGce } from "#test/clouds/gce/fake-gce.ts";
import { type InstanceScenario, gkeScenario } from "#test/clouds/gce/scenario.ts";
import { TestNode, cleanAudit, goalOf } from "./node.ts";

const NODES = 100;
/** A fifth of what they need in all. */
const REQUESTS_PER_MINUTE = 250;

const nameOf = (number: number) => `gke-demo-pool-${number}`;
const subnetOf = (number: number) => `172.20.${number}.0/24`;

function instance(number: number): InstanceScenario {
  return {
    name: nameOf(number),
    zone: "us-central1-a",
    canIpForward: true,
    networkInterfaces: [
      {
        networkIP: `10.128.1.${number}`,
        subnetwork: "nodes",
        mac: `42:01:0a:80:01:${number.toString(16).padStart(2, "0")}`,
        aliasIpRanges: [
          { ipCidrRange: `10.4.${number}.0/24`, subnetworkRangeName: "gke-demo-pods" },
        ],
      },
    ],
  };
}

/** Time goes on when everybody sleeps: to the moment when the first one wakes. */
function sharedTiming(fake: FakeGce, sleepers: number): Timing {
  let awake = sleepers;
  let seed = 1;
  const sleeping: { readonly at: number; readonly wake: () => void }[] = [];
  const settle = () => {
    if (awake > 0) return;
    const next = sleeping.toSorted((one, other) => one.at - other.at)[0];
    if (next === undefined) return;
    sleeping.splice(sleeping.indexOf(next), 1);
    fake.state.clock.move(Math.max(0, next.at - fake.state.clock.now()));
    awake++;
    next.wake();
  };
  return {
    now: () => fake.state.clock.now(),
    random: () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    },
    sleep: (milliseconds) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      awake--;
      sleeping.push({ at: fake.state.clock.now() + milliseconds, wake: resolve });
      settle();
      return promise;
    },
  };
}

/** Thousands of calls, on a machine that may have other things to do. */
const LIMIT_MS = 120_000;

describe("9. a hundred nodes at once, one rate quota", { timeout: LIMIT_MS }, () => {
  it("all get their alias range, with about as many calls each as one alone", async () => {
    await using stack = new AsyncDisposableStack();
    const base = gkeScenario();
    const numbers = Array.from({ length: NODES }, (_, index) => index + 1);
    const fake = stack.use(
      new FakeGce({
        ...base,
        now: Date.now(),
        instances: numbers.map(instance),
        subnetworks: base.subnetworks.map((subnetwork) => ({
          ...subnetwork,
          secondaryIpRanges: [
            ...(subnetwork.secondaryIpRanges ?? []),
            { rangeName: "cocoon-pods", ipCidrRange: "172.20.0.0/16" },
          ],
        })),
        options: { requestsPerMinute: REQUESTS_PER_MINUTE, tokenSeconds: 100_000 },
      }),
    );
    const api = await fake.startApi();
    const timing = sharedTiming(fake, NODES);
    const began = fake.state.clock.now();
    let ended = began;
    const calls = await Promise.all(
      numbers.map(async (number) => {
        const metadata = await fake.startMetadata(nameOf(number));
        const node = stack.use(new TestNode(fake, api, metadata, nameOf(number)));
        node.timing = timing;
        const gke = node.open();
        const goal = goalOf(subnetOf(number), { nodeName: nameOf(number) });
        const { degraded } = await node.init(goal, { gke });
        expect(degraded).toEqual([]);
        ended = Math.max(ended, fake.state.clock.now());
        // Who has finished sleeps for good.
        void timing.sleep(Number.MAX_SAFE_INTEGER, new AbortController().signal);
        return [...gke.calls.values()].reduce((sum, count) => sum + count, 0);
      }),
    );
    for (const number of numbers)
      expect(
        fake.state.resources
          .instanceNamed(nameOf(number))
          .interfaces[0]?.aliases.map(({ ipCidrRange }) => ipCidrRange),
      ).toEqual([`10.4.${number}.0/24`, subnetOf(number)]);
    const { ours, ...audit } = fake.audit();
    const { ours: _, ...clean } = cleanAudit;
    expect(ours).toHaveLength(NODES);
    expect(audit).toMatchObject(clean);
    // One node alone makes 10 calls that are answered; the rest were refused and waited.
    const answered = fake.log.calls.filter(
      ({ action, status }) => !action.startsWith("metadata.") && status === 200,
    );
    const sum = calls.reduce((all, count) => all + count, 0);
    process.stdout.write(
      `calls per node: ${Math.min(...calls)} to ${Math.max(...calls)}, ${Math.round(sum / NODES)} on average ` +
        `(${(answered.length / NODES).toFixed(1)} answered); ${Math.round((ended - began) / 1_000)} s of the cloud's time\n`,
    );
    expect(answered.length / NODES).toBeLessThanOrEqual(14);
    expect(Math.max(...calls)).toBeLessThanOrEqual(60);
  });
});

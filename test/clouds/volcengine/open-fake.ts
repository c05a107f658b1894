// A fake that listens, with the shortest ways to ask it something and to wait for what it does by itself.

import type { HttpServer } from "#test/clouds/shared/http-server.ts";
import { FakeVolcengine } from "./fake.ts";
import type { ScenarioInput } from "./scenario.ts";
import { type Query, type Reply, type Signing, ask } from "./signed-request.ts";
import {
  GROUP,
  NODES,
  type StandardOptions,
  VPC,
  ZONE,
  standardScenario,
} from "./standard-scenario.ts";

/** Looks that a test spends on one change before it gives up. */
const MAX_LOOKS = 20;
/** So many that tests do not meet the limit unless they mean to. */
const PLENTY = { perSecond: 1_000_000, burst: 1_000_000 };
/** Nothing is late, time stands still. */
export const AT_ONCE = {
  transition: { polls: 0 },
  notFound: { polls: 0 },
  stale: { polls: 0 },
  subnetRelease: { polls: 0 },
  metadata: { polls: 0 },
  readRate: PLENTY,
  writeRate: PLENTY,
  clockScale: 0,
} as const;
/** As late as by default, but not throttled; time stands still. */
export const LATE = { readRate: PLENTY, writeRate: PLENTY, clockScale: 0 } as const;

export interface OpenFake extends AsyncDisposable {
  readonly fake: FakeVolcengine;
  readonly url: string;
  ask(action: string, query?: Query, signing?: Signing): Promise<Reply>;
  /** Asks until an interface, subnet or VPC has the status. */
  until(action: string, query: Query, status: string): Promise<Reply>;
  makeSubnet(cidr?: string, more?: Record<string, string>): Promise<string>;
  makeEni(subnet: string, more?: Record<string, string>): Promise<string>;
  /** Made and attached. */
  attachedEni(subnet: string, more?: Record<string, string>): Promise<string>;
}

export async function openFake(
  options: StandardOptions = { settings: AT_ONCE },
): Promise<OpenFake> {
  return openScenario(standardScenario(options));
}

export async function openScenario(scenario: ScenarioInput): Promise<OpenFake> {
  const fake = new FakeVolcengine(scenario);
  const server: HttpServer = await fake.listen();
  const asked: OpenFake["ask"] = (action, query, signing) =>
    ask(server.url, action, query, signing);
  const made = async (action: string, query: Record<string, string>, field: string) => {
    const reply = await asked(action, query);
    if (reply.status !== 200) throw new Error(`${action}: ${reply.code} ${reply.message}`);
    const id = reply.result[field];
    return typeof id === "string" ? id : "";
  };
  const until: OpenFake["until"] = async (action, query, status) => {
    for (let look = 0; look < MAX_LOOKS; look += 1) {
      const reply = await asked(action, query);
      if (reply.result["Status"] === status) return reply;
    }
    throw new Error(`${action} did not come to ${status} within ${MAX_LOOKS} looks`);
  };
  const makeEni: OpenFake["makeEni"] = async (subnet, more = {}) => {
    const id = await made(
      "CreateNetworkInterface",
      { SubnetId: subnet, "SecurityGroupIds.1": GROUP, ...more },
      "NetworkInterfaceId",
    );
    await until("DescribeNetworkInterfaceAttributes", { NetworkInterfaceId: id }, "Available");
    return id;
  };
  return {
    fake,
    url: server.url,
    ask: asked,
    until,
    async makeSubnet(cidr = "172.20.100.0/24", more = {}) {
      const query = { VpcId: VPC, ZoneId: ZONE, CidrBlock: cidr, ...more };
      const id = await made("CreateSubnet", query, "SubnetId");
      await until("DescribeSubnetAttributes", { SubnetId: id }, "Available");
      await until("DescribeVpcAttributes", { VpcId: VPC }, "Available");
      return id;
    },
    makeEni,
    async attachedEni(subnet, more) {
      const id = await makeEni(subnet, more);
      await asked("AttachNetworkInterface", { NetworkInterfaceId: id, InstanceId: NODES[0] });
      await until("DescribeNetworkInterfaceAttributes", { NetworkInterfaceId: id }, "InUse");
      return id;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A list in an answer, which is null when it is empty. */
export const listIn = (reply: Reply, field: string): readonly Record<string, unknown>[] =>
  (reply.result[field] ?? []) as Record<string, unknown>[];

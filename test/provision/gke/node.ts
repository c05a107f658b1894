// A node of the fake Compute Engine in a folder of its own: init and teardown as the command drives them, in process.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Ip, ip } from "#core/address.ts";
import { type Prefix, parsePrefix } from "#core/prefix.ts";
import { requireIdentity } from "#provision/clouds.ts";
import type { CloudPlan, Goal } from "#provision/cloud.ts";
import { compareWithCloud } from "#provision/difference.ts";
import { type Gke, openGke } from "#provision/gke/cloud.ts";
import { callLimits } from "#provision/gke/transport.ts";
import { type InitResult, prepareInit } from "#provision/init.ts";
import { type PoolFile, formatPoolFile, parsePoolFile } from "#provision/pool-file.ts";
import { prepareRemoval } from "#provision/removal.ts";
import type { RetryLimits, Timing } from "#provision/retry.ts";
import type { SagaReport } from "#provision/saga.ts";
import { FakeGce } from "#test/clouds/gce/fake-gce.ts";
import { type Scenario, gkeScenario } from "#test/clouds/gce/scenario.ts";
import type { HttpServer } from "#test/clouds/shared/http-server.ts";

export const SUBNET = "172.20.100.0/24";
export const NODE = "gke-demo-pool-1";
const never = new AbortController().signal;

/** Bounds that let a fault through: every call is made once. */
export const onceOnly: RetryLimits = { ...callLimits, calls: 1 };
/** As in production. */
export const patient: RetryLimits = callLimits;

export const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new RangeError(text);
  return parsed;
};

export function goalOf(subnet: string, change: Partial<Goal> = {}): Goal {
  return {
    nodeName: NODE,
    subnet: prefix(subnet),
    gateway: ip(subnet.replace(/\.0\/.*$/, ".1")),
    poolSize: 140,
    securityGroups: [],
    authorizeVpcIngress: false,
    ...change,
  };
}

const isHanging = ({ outcome }: { readonly outcome: string }) => outcome.startsWith("hang");
const WATCH_MS = 5;

/** A save that stops the process, as kill -9 does: before or after the file is on the disk. */
export interface Kill {
  readonly save: number;
  readonly when: "before" | "after";
}

export class TestNode implements Disposable {
  readonly fake: FakeGce;
  readonly root: string;
  readonly restarts: string[][] = [];
  readonly told: string[] = [];
  restartFails = false;
  limits: RetryLimits = patient;
  pool: PoolFile | undefined;
  readonly #name: string;
  readonly #api: HttpServer;
  readonly #metadata: HttpServer;

  constructor(fake: FakeGce, api: HttpServer, metadata: HttpServer, name: string = NODE) {
    this.fake = fake;
    this.#name = name;
    this.#api = api;
    this.#metadata = metadata;
    this.root = mkdtempSync(join(tmpdir(), "cocoon-gke-"));
    const mac = fake.state.resources.instanceNamed(name).interfaces[0]?.mac ?? "";
    this.write("/sys/class/net/lo/address", "00:00:00:00:00:00\n");
    this.write("/sys/class/net/ens4/address", `${mac}\n`);
    this.write("/sys/class/net/ens4/ifindex", "2\n");
    this.write("/usr/lib/systemd/system/google-guest-agent.service", "[Unit]\n");
    this.write("/run/systemd/system/.keep", "");
    this.write("/etc/default/instance_configs.cfg", "[InstanceSetup]\nset_host_keys = true\n");
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  /** Time is the fake's, and only waiting moves it; a deadline passes when the fake has decided not to answer. */
  timing: Timing = this.#ownTiming();

  #ownTiming(): Timing {
    return {
      now: () => this.fake.state.clock.now(),
      random: () => 0.5,
      sleep: async (milliseconds, signal) => {
        signal.throwIfAborted();
        this.fake.state.clock.move(milliseconds);
      },
      alarm: (_, callback) => {
        const hanging = () => this.fake.log.calls.filter(isHanging).length;
        const before = hanging();
        const watch = setInterval(() => {
          if (hanging() > before) callback();
        }, WATCH_MS);
        return () => clearInterval(watch);
      },
    };
  }

  open(environment: Readonly<Record<string, string>> = {}): Gke {
    return openGke({
      environment: {
        CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: this.#api.url,
        GCE_METADATA_HOST: this.#metadata.url.replace("http://", ""),
        ...environment,
      },
      timing: this.timing,
      limits: this.limits,
      root: this.root,
      restartUnits: async (units) => {
        this.restarts.push([...units]);
        if (this.restartFails) throw new Error("Failed to connect to bus");
      },
    });
  }

  /** init of a process of its own: it knows what pool.json says and nothing else. */
  async init(
    goal: Goal = goalOf(SUBNET),
    options: { readonly gke?: Gke; readonly kill?: Kill } = {},
  ): Promise<InitResult & { readonly plan: CloudPlan }> {
    const gke = options.gke ?? this.open();
    const identity = await requireIdentity(gke, never);
    const prepared = await prepareInit(gke, {
      goal,
      settings: { dnsServers: [], dropInternalAccess: false, dropCIDRs: [] },
      identity,
      existing: this.pool,
      save: this.#saver(options.kill),
      now: () => this.timing.now(),
      signal: never,
    });
    return { plan: prepared.plan, ...(await prepared.run(this.#report())) };
  }

  async teardown(
    options: { readonly kill?: Kill; readonly includeUntagged?: boolean } = {},
  ): Promise<CloudPlan> {
    const gke = this.open();
    const identity = await requireIdentity(gke, never);
    const prepared = await prepareRemoval(gke, {
      nodeName: this.#name,
      identity,
      existing: this.pool,
      includeUntagged: options.includeUntagged ?? false,
      save: this.#saver(options.kill),
      now: () => this.timing.now(),
      signal: never,
    });
    await prepared.run(this.#report());
    this.pool = undefined;
    return prepared.plan;
  }

  async differences() {
    if (this.pool === undefined) throw new Error("there is no pool");
    return compareWithCloud(this.open(), this.pool, never);
  }

  /** nic0's alias ranges, in order. */
  aliases(name: string = NODE): readonly string[] {
    const [nic] = this.fake.state.resources.instanceNamed(name).interfaces;
    return nic?.aliases.map(({ ipCidrRange }) => ipCidrRange) ?? [];
  }

  #saver(kill: Kill | undefined): (pool: PoolFile) => Promise<void> {
    let saves = 0;
    return async (pool) => {
      saves++;
      // A process that was killed writes nothing more.
      const dead = kill !== undefined && saves > kill.save;
      if (dead || (kill?.save === saves && kill.when === "before")) throw new Error("killed");
      this.pool = parsePoolFile(formatPoolFile(pool), "pool.json");
      if (kill?.save === saves) throw new Error("killed");
    };
  }

  #report(): SagaReport {
    return {
      began: () => undefined,
      waiting: (_, text) => this.told.push(text),
      ended: () => undefined,
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A fake project and its first node; both go with the stack. */
export async function testNode(
  stack: AsyncDisposableStack,
  change: Partial<Scenario> = {},
): Promise<TestNode> {
  const fake = stack.use(new FakeGce(gkeScenario(change)));
  const server = await fake.startAll({ host: "127.0.0.1", port: 0 }, NODE);
  return stack.use(new TestNode(fake, server, server));
}

/** What the audit shows when nothing leaked and nothing foreign was touched. */
export const cleanAudit = {
  ours: [],
  foreignLost: [],
  reordered: [],
  rangesLost: [],
  overlapping: [],
};

export const first: Ip = ip("172.20.100.2");

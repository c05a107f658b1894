// The CNI verbs: a checked call becomes one request to the leasing side, and its outcome the plugin's output.

import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { ContainerOwner } from "#core/lease.ts";
import type { Pool } from "#core/range.ts";
import {
  type AddCall,
  type CheckCall,
  type CniCall,
  type DelCall,
  type GcCall,
  type StatusCall,
  readCall,
} from "./call.ts";
import { checkFailure } from "./check.ts";
import { checkFamilies, confPool } from "./conf-pool.ts";
import { formatToken, parseToken } from "./confirm-token.ts";
import { MAX_RESOLV_CONF, chooseDns } from "./dns.ts";
import { CniFailure, cniCodes, failure, failureOf, formatFailure } from "./failure.ts";
import type { CniNode, ContainerLeasing } from "./leasing-port.ts";
import { type Netconf, invalidConf } from "./netconf.ts";
import { assigned, formatResult } from "./result.ts";
import type { CniVersion } from "./version.ts";

export interface CniPorts {
  readonly leasing: ContainerLeasing;
  readonly node: CniNode;
  /** The boot that runs now. */
  readonly bootId: string;
  /** Reads a text file of at most `limit` bytes; rejects when it is longer or cannot be read. */
  readonly readText: (path: string, limit: number) => Promise<string>;
}

/** What the plugin prints and exits with. `confirm` comes back when the output has been written. */
export interface CniReply {
  readonly exitCode: 0 | 1;
  readonly stdout: string;
  readonly stderr?: string;
  readonly confirm?: string;
}

export interface Cni {
  /**
   * Answers the body of `POST /v1/cni`, whatever it is. Rejects with a BrokerError only for a DEL that could not be made
   * durable: the plugin then spools it.
   */
  handle(body: unknown): Promise<CniReply>;
  /**
   * Makes a spooled release durable; `false` when the body is anything else than a DEL that can be made. Rejects with a
   * BrokerError when it should be tried again.
   */
  release(body: unknown): Promise<boolean>;
  /** Rejects with `invalid-request` for a token that is not ours. */
  confirm(token: unknown): Promise<void>;
}

type Success = Omit<CniReply, "exitCode">;

const nothing: Success = { stdout: "" };

export function createCni(ports: CniPorts): Cni {
  return {
    handle: async (body) => {
      const call = readCall(body, ports.bootId);
      const outcome = call.verb === "refused" ? call.failure : await perform(ports, call);
      if (outcome instanceof CniFailure)
        return { exitCode: 1, stdout: formatFailure(call.version, outcome) };
      return { exitCode: 0, ...outcome };
    },
    release: async (body) => {
      const call = readCall(body);
      if (call.verb !== "DEL") return false;
      await del(ports, call);
      return true;
    },
    confirm: async (token) => {
      const delivery = parseToken(token);
      if (delivery === undefined)
        throw new BrokerError("invalid-request", "the confirm token is not one of this broker's");
      await ports.leasing.confirm(delivery);
    },
  };
}

async function perform(ports: CniPorts, call: CniCall): Promise<Success | CniFailure> {
  if (call.verb === "DEL") return del(ports, call);
  try {
    return await performVerb(ports, call);
  } catch (error) {
    return failureOf(toBrokerError(error));
  }
}

function performVerb(
  ports: CniPorts,
  call: Exclude<CniCall, DelCall>,
): Promise<Success | CniFailure> {
  switch (call.verb) {
    case "ADD":
      return add(ports, call);
    case "CHECK":
      return check(ports, call);
    case "GC":
      return collect(ports, call);
    case "STATUS":
      return status(ports, call);
    default:
      return call satisfies never;
  }
}

async function add(ports: CniPorts, call: AddCall): Promise<Success | CniFailure> {
  const pool = usablePool(ports.node, call);
  if (pool instanceof CniFailure) return pool;
  const resolvConf = await readResolvConf(ports, call.conf);
  if (resolvConf instanceof CniFailure) return resolvConf;
  const { netns, stamp, identity, mac, sticky, requested, conf } = call;
  const { podNamespace, podName, podUid } = call.args;
  const owner = ownerOf(call);
  const outcome = await ports.leasing.attach({
    owner,
    attachment: {
      netns,
      stamp,
      ...(identity === undefined ? {} : { identity }),
      ...(podNamespace === undefined ? {} : { podNamespace }),
      ...(podName === undefined ? {} : { podName }),
      ...(podUid === undefined ? {} : { podUid }),
    },
    pool,
    requested,
    strict: conf.ipam.strict ?? false,
    ...(sticky === undefined ? {} : { sticky }),
    ...(mac === undefined ? {} : { mac }),
  });
  if (outcome.kind === "refused") return failureOf(outcome.error);
  const ips = outcome.leases.map((lease) => assigned(lease, pool));
  const stdout = formatResult(call.version, {
    ips,
    routes: conf.ipam.routes ?? [],
    dns: chooseDns(conf, resolvConf),
  });
  return { stdout, confirm: formatToken(owner, outcome.leases) };
}

/** Also called for spooled releases before the broker serves, so it asks for nothing but the ledger. */
async function del(ports: CniPorts, call: DelCall): Promise<Success> {
  const { network, containerId, ifname, stamp } = call;
  await ports.leasing.detach({ network, containerId, ifname, stamp });
  return nothing;
}

async function check(ports: CniPorts, call: CheckCall): Promise<Success | CniFailure> {
  const pool = usablePool(ports.node, call);
  if (pool instanceof CniFailure) return pool;
  return (await checkFailure(call, ownerOf(call), pool, ports.leasing)) ?? nothing;
}

async function collect(
  ports: CniPorts,
  { network, valid, stamp }: GcCall,
): Promise<Success | CniFailure> {
  if (valid === "absent") return nothing;
  if (!ports.node.serving()) return notServing(cniCodes.tryAgainLater);
  await ports.leasing.collect({ network, valid, stamp });
  return nothing;
}

async function status(ports: CniPorts, call: StatusCall): Promise<Success | CniFailure> {
  if (!ports.node.serving()) return notServing(cniCodes.unavailable);
  const pool = usablePool(ports.node, call);
  if (pool instanceof CniFailure)
    return pool.code === cniCodes.tryAgainLater ? notServing(cniCodes.unavailable) : pool;
  const { serving, available } = ports.leasing.status(pool);
  if (!serving) return notServing(cniCodes.unavailable);
  if (available === 0n && call.conf.ipam.statusOnExhaustion === true) {
    return failure(
      cniCodes.unavailable,
      `no addresses are left in pool ${pool.name}`,
      "cocoon-net leases shows who holds them",
    );
  }
  return nothing;
}

/** The pool that the call draws from, if the broker serves it now. */
function usablePool(
  node: CniNode,
  call: { network: string; version: CniVersion; conf: Netconf },
): Pool | CniFailure {
  const own = confPool(call.network, call.version, call.conf);
  if (own instanceof CniFailure) return own;
  if (!node.serving()) return notServing(cniCodes.tryAgainLater);
  if (own !== undefined) return own;
  const pool = node.pool();
  if (pool === undefined) {
    return failure(
      cniCodes.tryAgainLater,
      "the node has no address pool yet",
      "run cocoon-net init or cocoon-net adopt on this node",
    );
  }
  return checkFamilies(pool.sets, call.version) ?? pool;
}

async function readResolvConf(
  { readText }: CniPorts,
  { ipam }: Netconf,
): Promise<string | undefined | CniFailure> {
  if (!ipam.resolvConf) return undefined;
  try {
    return await readText(ipam.resolvConf, MAX_RESOLV_CONF);
  } catch (error) {
    return invalidConf(
      `could not read ipam.resolvConf ${ipam.resolvConf}`,
      toBrokerError(error).message,
    );
  }
}

const ownerOf = ({ network, containerId, ifname }: AddCall | CheckCall): ContainerOwner => ({
  kind: "container",
  network,
  containerId,
  ifname,
});

const notServing = (
  code: typeof cniCodes.tryAgainLater | typeof cniCodes.unavailable,
): CniFailure =>
  failure(
    code,
    "the cocoon-net broker does not serve yet",
    "it is starting or stopping; cocoon-net status tells more",
  );

// doctor's judgements about the pool: pool.json by itself, and against the bridge and the broker that serves.

import { parseIp } from "#core/address.ts";
import { toBrokerError } from "#core/errors.ts";
import { containsIp, parsePrefix, prefixSize } from "#core/prefix.ts";
import { provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { type Finding, ok, problem, symptoms, warning } from "./finding.ts";
import type { DoctorConfig, MachineFacts } from "./machine.ts";
import { isSecondary } from "./uplink-diagnosis.ts";

/** Larger whole-subnet pools leave `ips` out of pool.json, which the Go version needs. */
const GO_LIMIT = 4_096n;
const RIGHT_SUBNET =
  "if pool.json is of another subnet, write it anew: cocoon-net init or adopt with the right --subnet (teardown first)";

export function bridge(
  { bridgeAddresses, bridgePorts, pool }: MachineFacts,
  config: DoctorConfig,
): Finding {
  const name = `bridge ${config.bridge}`;
  if (bridgeAddresses === undefined) return ok(name, "does not exist yet; the broker makes it");
  const [first, ...more] = bridgeAddresses;
  const wanted = gatewayPrefix(pool);
  const isFree = first === undefined && bridgePorts.length === 0;
  if (isFree || (first === wanted && more.length === 0)) return ok(name, "is ours or free to take");
  if (pool !== undefined && more.length === 0 && first?.split("/")[0] === pool.gateway)
    return problem(
      name,
      `has ${first}, and pool.json says ${wanted}`,
      `restart the broker if pool.json is right; ${RIGHT_SUBNET}`,
      symptoms.wrongSubnet,
    );
  return problem(
    name,
    `belongs to somebody else, or pool.json is of another subnet: addresses ${bridgeAddresses.join(" ") || "none"}, ports ${bridgePorts.join(" ") || "none"}${wanted === undefined ? "" : `; pool.json says ${wanted}`}`,
    `choose another name with --bridge; ${RIGHT_SUBNET}`,
    symptoms.noLease,
  );
}

/** As the bridge has it: 10.88.100.1/24. */
function gatewayPrefix(pool: PoolFile | undefined): string | undefined {
  const subnet = parsePrefix(pool?.subnet ?? "");
  return pool === undefined || subnet === undefined
    ? undefined
    : `${pool.gateway}/${subnet.length}`;
}

/** The broker reads pool.json when it starts. */
export function served({ pool, served: found }: MachineFacts): readonly Finding[] {
  if (pool === undefined || found === undefined) return [];
  const check = "served pool";
  const [now, recorded] = [
    `${found.subnet}, gateway ${found.gateway}`,
    `${pool.subnet}, gateway ${pool.gateway}`,
  ];
  if (now === recorded) return [ok(check, "is pool.json's")];
  return [
    problem(
      check,
      `the broker serves ${now}, and pool.json says ${recorded}`,
      `systemctl restart cocoon-net if pool.json is right; ${RIGHT_SUBNET}`,
      symptoms.wrongSubnet,
    ),
  ];
}

/** A pool that is half made is not served. */
export function provisioning({ pool }: MachineFacts): readonly Finding[] {
  if (pool === undefined) return [];
  const check = "provisioning";
  try {
    const recorded = provisioningOf(pool);
    if (recorded === undefined) return [];
    if (recorded.state === "provisioning" || recorded.state === "removing") {
      const command = recorded.state === "removing" ? "teardown" : "init";
      return [
        problem(
          check,
          `cocoon-net ${command} was cut off: the pool is not to be used`,
          `run cocoon-net ${command} again: it goes on from there`,
          symptoms.noLease,
        ),
      ];
    }
    if (recorded.degraded.length === 0) return [ok(check, recorded.state)];
    return [
      warning(
        check,
        `less than asked for: ${recorded.degraded.join("; ")}`,
        "remove the cause, then run cocoon-net init again",
      ),
    ];
  } catch (thrown) {
    const { message, hint } = toBrokerError(thrown);
    return [problem(check, message, hint)];
  }
}

export function poolFile(facts: MachineFacts, config: DoctorConfig): Finding {
  const { pool, poolFault, addresses } = facts;
  if (poolFault !== undefined)
    return problem("pool", poolFault, "correct the file, or write it anew with cocoon-net adopt");
  if (pool === undefined)
    return problem(
      "pool",
      `${config.poolFile} does not exist`,
      "cocoon-net init in a cloud; without one cocoon-net adopt --platform local --subnet <cidr>",
    );
  const subnet = parsePrefix(pool.subnet);
  if (subnet === undefined || !containsIp(subnet, pool.gateway))
    return problem(
      "pool",
      `the gateway ${pool.gateway} is not in ${pool.subnet}`,
      "write it anew with cocoon-net adopt",
    );
  const outside = (pool.ips ?? []).find((ip) => !containsIp(subnet, ip));
  if (outside !== undefined)
    return problem(
      "pool",
      `${outside} is not in the subnet ${pool.subnet}`,
      "write it anew with init or adopt and the right --subnet",
    );
  const clash = addresses.find(
    ({ nic, ip }) =>
      nic !== config.bridge && !isSecondary(facts, nic) && containsText(pool.subnet, ip),
  );
  if (clash !== undefined)
    return problem(
      "pool",
      `${pool.subnet} holds ${clash.ip}, which is in use on ${clash.nic}`,
      "adopt with another --subnet",
    );
  if (pool.platform === "local" && pool.ips === undefined && prefixSize(subnet) > GO_LIMIT)
    return warning(
      "pool",
      `${pool.subnet} has more than ${GO_LIMIT} addresses and pool.json does not list them`,
      "fine here; the Go version cannot use this file",
    );
  return ok("pool", `${pool.subnet}, gateway ${pool.gateway}`);
}

function containsText(subnet: string, address: string): boolean {
  const [prefix, ip] = [parsePrefix(subnet), parseIp(address)];
  return prefix !== undefined && ip !== undefined && containsIp(prefix, ip);
}

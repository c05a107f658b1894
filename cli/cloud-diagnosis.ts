// doctor's judgements about the cloud: what it shows otherwise than pool.json, each with the symptom that people know.

import type { Difference, DifferenceTopic } from "#provision/cloud.ts";
import { provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { CloudSide } from "./cloud-side.ts";
import { type Finding, ok, problem, symptoms, warning } from "./finding.ts";

interface Row {
  readonly check: string;
  readonly state: "warning" | "problem";
  readonly symptom: string;
  /** What can be done beside the difference's own hint. */
  readonly also?: string;
}

const rows: Readonly<Record<DifferenceTopic, Row>> = {
  origin: {
    check: "cloud subnet",
    state: "problem",
    symptom: symptoms.wrongSubnet,
    also: "if pool.json is of another subnet than the node: init or adopt with the right --subnet (teardown first)",
  },
  range: { check: "secondary range", state: "problem", symptom: symptoms.rangeTooSmall },
  link: { check: "cloud link", state: "problem", symptom: symptoms.unreachable },
  ingress: { check: "security group", state: "problem", symptom: symptoms.acrossHosts },
  leftover: { check: "detached interfaces", state: "warning", symptom: symptoms.noRoom },
  agent: { check: "cloud guest agent", state: "warning", symptom: symptoms.unreachable },
};

/** `undefined`: it was not asked. */
export function diagnoseCloud(
  pool: PoolFile | undefined,
  cloud: CloudSide | undefined,
): readonly Finding[] {
  if (pool === undefined || pool.platform === "local") return [];
  if (cloud === undefined) return [ok("cloud", "was not asked")];
  if (cloud.unread !== undefined) return unread(pool, cloud.unread);
  const findings = cloud.differences.map(findingOf);
  if (pool.platform === "volcengine" && !cloud.differences.some(isIngress))
    findings.push(ok("security group", "lets the VPC in"));
  return cloud.differences.length === 0
    ? [ok("cloud", "is as pool.json says"), ...findings]
    : findings;
}

function findingOf({ what, recorded, found, hint, topic }: Difference): Finding {
  const detail = `${what}: ${recorded} by pool.json, ${found} in the cloud`;
  if (topic === undefined) return problem("cloud", detail, hint);
  const { check, state, symptom, also } = rows[topic];
  const cause =
    topic === "ingress" ? `${what}: "${recorded}" is what guests need, and it ${found}` : detail;
  const remedy = also === undefined ? hint : `${hint}; ${also}`;
  return (state === "problem" ? problem : warning)(check, cause, remedy, symptom);
}

const isIngress = ({ topic }: Difference): boolean => topic === "ingress";

/** Nothing is known, so what most often goes unnoticed is named with the rule to look for. */
function unread(pool: PoolFile, reason: string): readonly Finding[] {
  const cloud = warning(
    "cloud",
    `${pool.platform} could not be read: ${reason}`,
    `give this command credentials that may read (docs/${pool.platform}.md), or leave the cloud out with --no-cloud`,
  );
  if (pool.platform !== "volcengine") return [cloud];
  const blocks = vpcBlocks(pool);
  const source = blocks.length === 0 ? "the VPC's CIDR" : blocks.join(" and ");
  return [
    cloud,
    warning(
      "security group",
      "whether it lets the VPC in could not be checked",
      `look for this ingress rule in the security groups of the node's interfaces: policy accept, protocol all, ports -1/-1, source ${source}; and for no rule with policy drop before it`,
      symptoms.acrossHosts,
    ),
  ];
}

function vpcBlocks(pool: PoolFile): readonly string[] {
  try {
    return provisioningOf(pool)?.vpcCIDRs ?? [];
  } catch {
    // Another finding says that the journal cannot be read.
    return [];
  }
}

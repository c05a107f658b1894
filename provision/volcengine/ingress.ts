// Whether a security group lets the whole VPC in, as guests on other hosts need it.

import { type Prefix, containsPrefix, formatPrefix, overlaps, parsePrefix } from "#core/prefix.ts";
import type { PermissionAnswer } from "./actions.ts";
import type { SeenGroup } from "./seen.ts";

export type Ingress =
  | { readonly kind: "open" }
  | { readonly kind: "closed" }
  /** A rule that comes first drops some of it. */
  | { readonly kind: "dropped"; readonly rule: string };

/** Lower priorities come first; of two with the same, what drops. */
export function ingressOf(group: SeenGroup, block: Prefix): Ingress {
  const accepting = group.rules.filter(
    (rule) =>
      rule.Policy !== "drop" &&
      coversAll(rule) &&
      touches(rule, (other) => containsPrefix(other, block)),
  );
  const first = Math.min(...accepting.map(({ Priority }) => Priority));
  if (accepting.length === 0) return { kind: "closed" };
  const drop = group.rules.find(
    (rule) =>
      rule.Policy === "drop" &&
      rule.Priority <= first &&
      touches(rule, (other) => overlaps(other, block)),
  );
  if (drop === undefined) return { kind: "open" };
  return {
    kind: "dropped",
    rule: `${drop.Protocol} from ${drop.CidrIp}, priority ${drop.Priority}`,
  };
}

const coversAll = ({ Protocol, PortStart, PortEnd }: PermissionAnswer): boolean =>
  Protocol === "all" && PortStart === -1 && PortEnd === -1;

function touches({ CidrIp }: PermissionAnswer, test: (block: Prefix) => boolean): boolean {
  const block = parsePrefix(CidrIp);
  return block !== undefined && test(block);
}

/** The vendor's command line, ready to be pasted. */
export const authorizeCommand = (group: string, block: Prefix): string =>
  `ve vpc AuthorizeSecurityGroupIngress --SecurityGroupId ${group} --Protocol all --PortStart -1 --PortEnd -1 --CidrIp ${formatPrefix(block)}`;

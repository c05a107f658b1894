// Looks at the node, plans, and makes the plan so; doing it twice does nothing the second time.

import { BrokerError, toBrokerError } from "#core/errors.ts";
import { type NodeNetwork, desiredNode } from "./desired.ts";
import { diffNode } from "./diff.ts";
import type { NodeMemory, NodePorts, NodeRules, NodeTable } from "./ports.ts";
import { type NodeStep, describeStep, itemOf, makeStep } from "./step.ts";
import { judgeBridge } from "./takeover.ts";

export interface NodeProblem {
  readonly item: string;
  readonly error: BrokerError;
}
export interface NodeReport {
  /** What was changed, in words and in order. */
  readonly changed: readonly string[];
  /** The items that were changed. */
  readonly items: readonly string[];
  /** What could not be; the rest was done all the same. */
  readonly problems: readonly NodeProblem[];
  /** Items left alone for now because someone else keeps changing them. */
  readonly held: readonly string[];
}

/** The steps that would be made now. Throws `foreign-bridge` when the bridge's name is taken. */
export async function stepsFor(
  network: NodeNetwork,
  ports: NodePorts,
): Promise<readonly NodeStep[]> {
  return (await look(network, ports)).steps;
}

/** What `--dry-run` prints: one line for each step, in order. */
export async function planNode(network: NodeNetwork, ports: NodePorts): Promise<readonly string[]> {
  return (await stepsFor(network, ports)).map(describeStep);
}

/** Throws `foreign-bridge` before anything is changed; any other failure is a problem of its one item. */
export async function applyNode(
  network: NodeNetwork,
  ports: NodePorts,
  mayRepair: (item: string) => boolean = () => true,
): Promise<NodeReport> {
  const { steps, before } = await look(network, ports);
  const held = new Set(steps.map(itemOf).filter((item) => !mayRepair(item)));
  const due = steps.filter((step) => !held.has(itemOf(step)));
  remember(ports, due, before);
  const made: NodeStep[] = [];
  const problems: NodeProblem[] = [];
  for (const step of due) {
    try {
      await makeStep(step, ports);
      made.push(step);
    } catch (thrown) {
      problems.push({ item: itemOf(step), error: toBrokerError(thrown) });
    }
  }
  return { changed: made.map(describeStep), items: made.map(itemOf), problems, held: [...held] };
}

async function look(
  network: NodeNetwork,
  ports: NodePorts,
): Promise<{ steps: readonly NodeStep[]; before: Pick<NodeMemory, "takenOver" | "newTables"> }> {
  const desired = desiredNode(network);
  const links = await ports.links.observe();
  const { takenOver } = ports.memory.load();
  const { bridge: name, gateway } = network;
  const bridge = judgeBridge({
    links,
    bridge: name,
    gateway,
    ...(takenOver === undefined ? {} : { takenOver: takenOver.index }),
  });
  if (bridge.kind === "foreign") throw bridge.error;
  const rules = desired.chains.length === 0 ? undefined : await ports.firewall.observe();
  const sysctl = (key: string) => ports.sysctls.read(key);
  return {
    steps: diffNode(desired, {
      links,
      bridge,
      sysctl,
      ...(rules === undefined ? {} : { rules }),
      ...(ports.guestPorts === undefined ? {} : { guestPorts: ports.guestPorts() }),
    }),
    before: {
      ...(bridge.kind === "adoptable" ? { takenOver: bridge.link } : {}),
      ...(rules === undefined ? {} : { newTables: unusedTables(rules) }),
    },
  };
}

/** A table that iptables-save does not show has never been used. */
const unusedTables = (rules: NodeRules): readonly NodeTable[] =>
  (["filter", "nat"] as const).filter((table) => rules.tables[table].length === 0);

/** Written before the first change, so that a broker killed half-way leaves a node that can still be undone. */
function remember(
  ports: NodePorts,
  due: readonly NodeStep[],
  before: Pick<NodeMemory, "takenOver" | "newTables">,
): void {
  if (due.length === 0) return;
  const memory = ports.memory.load();
  const values: Record<string, string> = { ...memory.sysctls };
  for (const step of due) {
    if (step.step === "set-sysctl" && step.before !== undefined) values[step.key] ??= step.before;
  }
  const { takenOver } = before;
  const newTables = [...new Set([...(memory.newTables ?? []), ...(before.newTables ?? [])])];
  const next: NodeMemory = {
    ...memory,
    sysctls: values,
    ...(takenOver === undefined
      ? {}
      : { takenOver: { index: takenOver.index, mtu: takenOver.mtu } }),
    ...(newTables.length === 0 ? {} : { newTables }),
  };
  if (JSON.stringify(next) !== JSON.stringify(memory)) ports.memory.save(next);
}

// What a kubelet and its node do to pods, one call each, and what each pod may believe afterwards.

import type { Random } from "./random.ts";
import type { ContainerdNode } from "./containerd-node.ts";

export const SLOTS = 8;
const EXHAUSTED = "no IP addresses available in range set";

/**
 * `none`: to be started. `asked`: a start whose end nobody knows, to be tried again. `up`: promised an address. `dead`: the
 * same, its processes are not. `leaving`: a stop whose end nobody knows, to be tried again.
 */
export interface Slot {
  readonly number: number;
  generation: number;
  /** Of the sandboxes of this pod. */
  attempt: number;
  state: "none" | "asked" | "up" | "dead" | "leaving";
  id?: string;
  ip?: string;
}

export interface PodsTally {
  operations: number;
  /** Starts that met a full pool. */
  full: number;
  readonly byOperation: Record<string, number>;
}

export interface Pods {
  readonly node: ContainerdNode;
  readonly random: Random;
  readonly tally: PodsTally;
  readonly slots: readonly Slot[];
  /** Sandboxes that ended without anybody telling; a DEL may come much later. */
  readonly lost: Set<string>;
  /** Sandboxes whose end the runtime was told of. */
  readonly gone: Set<string>;
  /** Every pod that was ever asked for. */
  readonly uids: Set<string>;
  /** What the guest beside them was told. */
  guestIp?: string;
  /** Whether something is being killed: calls may then fail. */
  disturbed: boolean;
}

export function makePods(node: ContainerdNode, random: Random, tally: PodsTally): Pods {
  const slots = Array.from({ length: SLOTS }, (_, number): Slot => ({
    number,
    generation: 0,
    attempt: 0,
    state: "none",
  }));
  const sets = { lost: new Set<string>(), gone: new Set<string>(), uids: new Set<string>() };
  return { node, random, tally, slots, ...sets, disturbed: false };
}

export function count({ tally }: Pods, name: string): void {
  tally.operations += 1;
  tally.byOperation[name] = (tally.byOperation[name] ?? 0) + 1;
}

/** One call for the slot, as its state and chance have it. */
export async function podCall(pods: Pods, slot: Slot): Promise<void> {
  const { random } = pods;
  if (slot.state === "none" || slot.state === "asked") return runPod(pods, slot);
  if (slot.state === "leaving" || random.chance(0.4)) return stopPod(pods, slot);
  if (slot.state === "dead" || random.chance(0.4)) return losePod(pods, slot);
  if (random.chance(0.5)) return killPod(pods, slot, "task");
  return killPod(pods, slot, "shim");
}

async function runPod(pods: Pods, slot: Slot): Promise<void> {
  const { runtime } = pods.node;
  const { cri, group } = runtime;
  const { number, generation, attempt } = slot;
  const [name, uid] = [`pod-${number}`, `uid-${number}-${generation}`];
  count(pods, "run");
  pods.uids.add(uid);
  slot.state = "asked";
  // Each try is another sandbox: whatever came of the one before, its name is taken.
  slot.attempt += 1;
  try {
    slot.id = await cri.runPodSandbox({ name, uid, attempt, group });
    slot.state = "up";
    slot.ip = await cri.addressOf(slot.id);
  } catch (thrown) {
    if (String(thrown).includes(EXHAUSTED)) pods.tally.full += 1;
    else if (!pods.disturbed && !(await runtime.clearSnapshot(thrown))) throw thrown;
  }
}

/** The kubelet's end of a pod: its DEL. */
async function stopPod(pods: Pods, slot: Slot): Promise<void> {
  count(pods, "stop");
  const { id } = slot;
  slot.state = "leaving";
  if (id !== undefined && (await stopSandbox(pods, id))) forget(slot);
}

/** Whether the runtime did it; throws when nothing excuses that it did not. */
export async function stopSandbox(pods: Pods, id: string): Promise<boolean> {
  const { cri } = pods.node.runtime;
  try {
    await cri.stopPodSandbox(id);
    pods.gone.add(id);
    pods.lost.delete(id);
    await cri.removePodSandbox(id);
    return true;
  } catch (thrown) {
    if (!pods.disturbed) throw thrown;
    return false;
  }
}

/** The pod's processes end, or only what looks after them: the network stays until somebody stops the pod. */
async function killPod({ node, ...pods }: Pods, slot: Slot, what: "task" | "shim"): Promise<void> {
  count({ node, ...pods }, `kill ${what}`);
  if (slot.id === undefined) return;
  const { runtime } = node;
  const killed = what === "task" ? runtime.killTask(slot.id) : runtime.killShim(slot.id);
  if (await killed) slot.state = "dead";
}

/** Pod and namespace are gone, and nobody calls DEL. */
async function losePod(pods: Pods, slot: Slot): Promise<void> {
  const { machine, runtime } = pods.node;
  const { id, ip } = slot;
  count(pods, "lose");
  if (id === undefined || ip === undefined) return;
  const name = [...(await machine.pods())].find(([, addresses]) => addresses.includes(ip))?.[0];
  if (name === undefined) return;
  await runtime.killProcesses(id);
  await machine.loseNamespace(name);
  pods.lost.add(id);
  forget(slot);
}

/** The slot's next pod is another one. */
export function forget(slot: Slot): void {
  slot.generation += 1;
  slot.attempt = 0;
  slot.state = "none";
  delete slot.id;
  delete slot.ip;
}

/** A DEL of a lost pod that comes after all: whoever has the address by now keeps it. */
export async function lateStop(pods: Pods): Promise<void> {
  const [id] = pods.lost;
  if (id === undefined) return;
  count(pods, "late stop");
  await stopSandbox(pods, id);
}

/**
 * With everything up again: what was under way is brought to its end, and the runtime forgets the sandboxes that nobody
 * knows. What it left behind itself it will not find again; see `removeLeaks`.
 */
export async function tidy(pods: Pods): Promise<void> {
  const { cri } = pods.node.runtime;
  for (const slot of pods.slots) {
    if (slot.state === "leaving") await stopPod(pods, slot);
    if (slot.id !== undefined && slot.ip === undefined) slot.ip = await cri.addressOf(slot.id);
  }
  const known = new Set(pods.slots.map(({ id }) => id));
  for (const { id } of await cri.sandboxes()) {
    if (known.has(id) || pods.lost.has(id)) continue;
    count(pods, "stop a stray");
    await stopSandbox(pods, id);
  }
}

/** Namespaces that a killed runtime made and knows nothing of: an operator takes them away. */
export async function removeLeaks(pods: Pods): Promise<void> {
  const { machine } = pods.node;
  const known = new Set(pods.slots.map(({ ip }) => ip));
  for (const [name, addresses] of await machine.pods()) {
    if (addresses.some((ip) => known.has(ip))) continue;
    count(pods, "remove a leaked namespace");
    await machine.loseNamespace(name);
  }
}

// What runtimes do to a node beside ADD: DEL in all its ways, CHECK, GC, and an operator's release.

import type { Ip } from "#core/address.ts";
import {
  type Call,
  NETWORK,
  type Of,
  type Setting,
  callOf,
  interfaces,
  resultAddresses,
  spool,
} from "./container-call.ts";
import { type Container, sameAddresses } from "./model.ts";
import { Contradiction } from "./oracle.ts";
import { Died, type Pod, type Session } from "./session.ts";

export async function del(setting: Setting, { slot, port, how, ends }: Of<"del">): Promise<void> {
  const { session, alone } = setting;
  const pod = session.pods.get(slot);
  if (pod === undefined) return;
  const known = session.model.container(NETWORK, pod.id, interfaces[port] ?? "eth0");
  if (how === "late" && known.began === undefined) return;
  const way = alone ? how : plainly(how);
  const call = delCall(session, pod, slot, port, way, known);
  const { body, began, container } = call;
  if (how !== "late") {
    pod.namespace?.addresses.delete(container.ifname);
    pod.removed.set(container.ifname, began);
  }
  if (ends === "namespace" && how !== "late") session.endPod(slot);
  if (how === "spooled") return spool(session, call);
  if (container.word === "held" && how !== "late") container.word = "maybe";
  try {
    await session.alive(session.broker.cni(body));
  } catch (thrown) {
    // The plugin keeps what no broker took (spec section 4).
    spool(session, call, way !== "renamed");
    if (thrown instanceof Died) throw thrown;
    session.disturbed = true;
    return;
  }
  setting.tell(began, () => {
    const heldSomething = container.ips.length > 0;
    session.model.released(container, began);
    if (container.word === "maybe" && container.adding === undefined)
      container.word = container.ips.length > 0 ? "held" : "none";
    if (way !== "renamed" || heldSomething) session.model.bury(container, began);
    session.buried.set(slot, pod);
    if (ends === "afterwards" && how !== "late" && session.pods.get(slot) === pod)
      session.endPod(slot);
  });
}

/** Among others only a DEL that names its network can be foretold. */
const plainly = (how: Of<"del">["how"]): Of<"del">["how"] => (how === "renamed" ? "plain" : how);

function delCall(
  session: Session,
  pod: Pod,
  slot: number,
  port: number,
  how: Of<"del">["how"],
  { began }: Container,
): Call {
  const renamed = how === "renamed" ? { name: "renamed" } : {};
  const call = callOf(session, "DEL", pod, slot, port, renamed, how === "late" ? began : undefined);
  return how === "broken" ? { ...call, body: { ...call.body, stdin: "{" } } : call;
}

export function spoolRelease(session: Session, slot: number): void {
  const pod = session.pods.get(slot);
  if (pod === undefined) return;
  const call = callOf(session, "DEL", pod, slot, 0);
  session.endPod(slot);
  spool(session, call);
}

export async function check(
  { session, alone }: Setting,
  { slot, port }: Of<"check">,
): Promise<void> {
  const pod = session.pods.get(slot);
  const prevResult = pod?.results.get(interfaces[port] ?? "eth0");
  if (pod === undefined || prevResult === undefined) return;
  const { body, container } = callOf(session, "CHECK", pod, slot, port, { prevResult });
  const answer = await session.alive(session.broker.cni(body));
  const fits =
    container.word === "held" && sameAddresses(container.ips, resultAddresses(prevResult));
  if (!alone || session.disturbed || session.shaky || fits === (answer.exitCode === 0)) return;
  throw new Contradiction(
    `CHECK of ${container.key} (${container.word}) was answered ${answer.stdout || "with success"}`,
  );
}

/** GC by the letter: an absent list means nothing to do, an empty one that nothing is valid (spec section 4). */
export async function collect(setting: Setting, { keep }: Of<"gc">): Promise<void> {
  const { session } = setting;
  const { model } = session;
  const all = [...model.containers.values()].filter(({ word }) => word !== "none");
  const valid = all.filter(({ diedAt }) => keep === "living" && diedAt === undefined);
  const list =
    keep === "absent"
      ? {}
      : {
          "cni.dev/valid-attachments": valid.map(({ id, ifname }) => ({ containerID: id, ifname })),
        };
  const { body, began } = callOf(
    session,
    "GC",
    { id: "gc", namespace: undefined, results: new Map(), removed: new Map() },
    0,
    0,
    list,
  );
  const ending = keep === "absent" ? [] : all.filter((one) => !valid.includes(one));
  // A runtime that knows of no container has none.
  if (keep === "none") for (const slot of session.pods.keys()) session.endPod(slot);
  for (const container of ending) if (container.word === "held") container.word = "maybe";
  const answer = await session.alive(session.broker.cni(body));
  setting.tell(began, () => {
    for (const container of ending) {
      if (answer.exitCode === 0) model.released(container, began);
      if (container.word === "maybe" && container.adding === undefined)
        container.word = container.ips.length > 0 ? "held" : "none";
    }
    if (answer.exitCode !== 0) session.disturbed = true;
  });
}

export async function forget(
  { session, alone }: Setting,
  { slot, stale }: Of<"forget">,
): Promise<void> {
  const pod = session.pods.get(slot);
  if (pod === undefined) return;
  const container = session.model.container(NETWORK, pod.id, "eth0");
  const lease = session.broker.ledger.lease(container.ips[0] as Ip);
  if (container.word !== "held" || container.ips.length !== 1 || lease === undefined) return;
  const late = stale || !alone;
  if (!late) {
    session.endPod(slot);
    container.word = "maybe";
  }
  const shaky = session.shaky;
  try {
    await session.alive(session.broker.forget(lease.ip, lease.sequence - (late ? 1 : 0)));
  } catch (thrown) {
    if (thrown instanceof Died || !shaky) throw thrown;
    session.disturbed = true;
    return;
  }
  if (!late) session.model.gone(container);
}

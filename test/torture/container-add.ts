// ADD, in time and too late, with everything that its answer must not be.

import type { Ip } from "#core/address.ts";
import { describeOwner } from "#core/lease.ts";
import type { CniAnswer } from "#broker/api/contract.ts";
import {
  NETWORK,
  type Of,
  type Setting,
  callOf,
  interfaces,
  isDual,
  isSticky,
  resultAddresses,
} from "./container-call.ts";
import { type Began, type Container, sameAddresses } from "./model.ts";
import { Contradiction } from "./oracle.ts";
import { Died, type Session } from "./session.ts";

const EXHAUSTED = "no IP addresses available in range set";

export async function add(
  setting: Setting,
  { slot, port, confirm, asks }: Of<"add">,
): Promise<void> {
  const { session, alone } = setting;
  const pod = session.pod(slot);
  pod.namespace ??= session.machine.makeNamespace(`slot-${slot}`);
  const asked = asks === undefined || isDual(slot) ? undefined : session.addresses[asks];
  const more = asked === undefined ? {} : { args: { cni: { ips: [asked] } } };
  const { body, began, container } = callOf(session, "ADD", pod, slot, port, more);
  const before = foresee(session, container, slot, asked);
  const pending = container.ips.length > 0 ? container.adding : undefined;
  container.adding = began;
  const other = asked !== undefined && !container.ips.some((ip) => ip === asked);
  if (container.word === "none" || other) container.word = "maybe";
  const held = alone && container.ips.length > 0;
  // Another address is asked for: the interface is made anew.
  if (asked !== undefined) pod.namespace.addresses.delete(container.ifname);
  const shaky = session.shaky;
  const answer = await session.alive(session.broker.cni(body));
  const ips = addressesOf(answer);
  // A refused command is undone after its answer.
  if (alone && ips === undefined) await session.alive(session.broker.rest());
  setting.tell(began, () => {
    if (ips === undefined) refused(setting, container, { shaky, pending }, answer, before);
    else {
      if (alone) judgeAdd(session, container, ips, before, { held, asked, sticky: isSticky(slot) });
      session.model.added(container, ips, began);
    }
  });
  if (ips === undefined) return;
  const removed = pod.removed.get(container.ifname);
  if (
    session.pods.get(slot) === pod &&
    (removed === undefined || session.model.isOlder(removed, began))
  )
    pod.namespace.addresses.set(container.ifname, ips as readonly Ip[]);
  pod.results.set(container.ifname, JSON.parse(answer.stdout));
  if (!confirm || answer.confirm === undefined) return;
  const confirming = session.broker.confirm(answer.confirm);
  // Nobody waits for a confirmation, so that the writer lets it wait for others; here a command behind it drives it on.
  await session.alive(Promise.allSettled([session.broker.rest()]));
  await session.alive(confirming).then(
    () => (container.confirmed = true),
    (thrown: unknown) => {
      if (thrown instanceof Died || !shaky) throw thrown;
    },
  );
}

interface Foreseen {
  /** Free addresses of the pool before the call. */
  readonly free: number;
  /** What else could be given: cooling, not offered, the one that cooled longest first. */
  readonly cooling: readonly string[];
  /** What cools for the name under which the container keeps its address. */
  readonly kept: readonly string[];
  /** For whom, and under which name, each cooling address is kept. */
  readonly keepers: ReadonlyMap<Ip, string>;
}

function foresee(
  session: Session,
  container: Container,
  slot: number,
  asked: Ip | undefined,
): Foreseen {
  const { model } = session;
  const { ledger } = session.broker;
  /** By the model's time, which nobody sets. */
  const age = (ip: Ip): number => model.now - (model.coolsSince(ip) ?? model.now);
  const own = [...ledger.cooling()].filter(({ ip }) => session.addresses.includes(ip));
  const cooling = own
    .filter(({ ip, sticky }) => sticky === undefined && ledger.offer(ip) === undefined)
    .toSorted((one, other) => age(other.ip) - age(one.ip));
  const free = session.free();
  if (container.ips.length === 0 && !isDual(slot) && free === 0 && asked === undefined)
    session.counts.full += 1;
  const kept = own.filter(
    ({ ip, sticky }) =>
      sticky?.startsWith(`keeper-${slot}-`) === true &&
      sticky.endsWith(`${container.ifname})`) &&
      ledger.offer(ip) === undefined,
  );
  return {
    free,
    cooling: cooling.map(({ ip }) => ip),
    kept: kept.map(({ ip }) => ip),
    keepers: keepersOf(session),
  };
}

const keepersOf = ({ broker }: Session): ReadonlyMap<Ip, string> =>
  new Map(
    [...broker.ledger.cooling()].map(({ ip, owner, sticky = "no name" }) => [
      ip,
      `${describeOwner(owner)}, ${sticky}`,
    ]),
  );

/** A refusal changes nothing; a full pool is the only reason to refuse what is in order. */
function refused(
  { session, alone }: Setting,
  container: Container,
  { shaky, pending }: { readonly shaky: boolean; readonly pending: Began | undefined },
  answer: CniAnswer,
  before: Foreseen,
): void {
  const trembling = shaky || session.shaky;
  if (trembling) session.disturbed = true;
  // Without a commit it could not be undone yet.
  if (trembling && (!alone || session.fate.refusingCommits > 0)) return;
  container.adding = pending;
  if (alone) judgeKeepers(session, container, before);
  if (alone) container.word = container.ips.length > 0 ? "held" : "none";
  const { msg } = JSON.parse(answer.stdout) as { msg: string };
  if (
    alone &&
    !trembling &&
    msg.startsWith(EXHAUSTED) &&
    before.free + before.cooling.length > 0 &&
    !msg.includes("10.203.8.")
  )
    throw new Contradiction(
      `${container.key} was told "${msg}" with ${before.free} free and ${before.cooling.length} cooling`,
    );
}

/** Also what the refused command had drawn cools again for whom it was kept. */
function judgeKeepers(session: Session, { key }: Container, before: Foreseen): void {
  const now = keepersOf(session);
  for (const [ip, keeper] of before.keepers)
    if (now.get(ip) !== keeper)
      throw new Contradiction(
        `${ip} was kept for ${keeper}, and since the refusal of ${key} for ${now.get(ip) ?? "nobody"}`,
      );
}

function judgeAdd(
  session: Session,
  container: Container,
  ips: readonly string[],
  before: Foreseen,
  { held, asked, sticky }: { held: boolean; asked: Ip | undefined; sticky: boolean },
): void {
  const { model, machine } = session;
  for (const ip of ips) {
    const others = model.holdersOf(ip, container.key);
    if (others.length > 0)
      throw new Contradiction(
        `${container.key} was given ${ip}, which ${others.join(" and ")} holds`,
      );
    const pooled = session.addresses.some((one) => one === ip);
    if (pooled && !machine.kernel.routes.has(ip as Ip))
      throw new Contradiction(`${container.key} was told ${ip} before its route stood`);
    if (!pooled && !ip.startsWith("10.203.8.") && !ip.startsWith("fd00:203::"))
      throw new Contradiction(`${container.key} was given ${ip}, which is in no pool`);
    const since = model.coolsSince(ip);
    if (held || asked !== undefined || since === undefined || !pooled || before.kept.includes(ip))
      continue;
    if (before.free > 0)
      throw new Contradiction(`${ip} was given again while ${before.free} others were free`);
    if (
      before.cooling.length > 0 &&
      before.cooling[0] !== ip &&
      model.coolsSince(before.cooling[0] ?? ip) !== since
    )
      throw new Contradiction(`${ip} was given again, and ${before.cooling[0]} had cooled longer`);
  }
  if (held && asked === undefined && !sameAddresses(ips, container.ips))
    throw new Contradiction(
      `${container.key} held ${container.ips.join(" ")} and is now told ${ips.join(" ")}`,
    );
  if (asked !== undefined && !ips.includes(asked))
    throw new Contradiction(`${container.key} asked for ${asked} and was told ${ips.join(" ")}`);
  if (
    sticky &&
    !held &&
    asked === undefined &&
    before.kept.length > 0 &&
    !ips.some((ip) => before.kept.includes(ip))
  )
    throw new Contradiction(
      `${before.kept.join(" ")} was kept for ${container.key}, which was told ${ips.join(" ")}`,
    );
}

/** An ADD of a container that was released since must be refused (spec section 4). */
export async function lateAdd({ session }: Setting, { slot, port }: Of<"late-add">): Promise<void> {
  const pod = session.buried.get(slot);
  if (pod === undefined) return;
  const container = session.model.container(NETWORK, pod.id, interfaces[port] ?? "eth0");
  const { buried } = container;
  // No call outlives its boot.
  if (buried === undefined || buried.began.boot !== session.model.boot) return;
  const { body, began } = callOf(session, "ADD", pod, slot, port, {}, buried.began);
  if (!session.model.isFenced(container, began)) return;
  const answer = await session.alive(session.broker.cni(body));
  if (answer.exitCode === 0)
    throw new Contradiction(`a late ADD of ${container.key} was answered ${answer.stdout}`);
}

function addressesOf(answer: CniAnswer): readonly string[] | undefined {
  return answer.exitCode === 0 ? resultAddresses(JSON.parse(answer.stdout)) : undefined;
}

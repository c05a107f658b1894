// What guests do on the wire: DHCP conversations with lost and repeated packets, each reply judged and told to the model.

import type { Ip, Mac } from "#core/address.ts";
import type { DhcpReply } from "#broker/dhcp/reply.ts";
import { type ClientPacket, clientPacket } from "#test/dhcp/client-packet.ts";
import { GATEWAY } from "./broker.ts";
import type { Of, Setting } from "./container-call.ts";
import type { Guest } from "./model.ts";
import { Contradiction } from "./oracle.ts";
import type { Session } from "./session.ts";

const UNSET = "0.0.0.0";
const OTHER_SERVER = "192.0.2.7";
const RAPID_COMMIT = 80;
/** Bits of `lost` and `twice`. */
const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 4;
const ACK = 8;
/** A guest's packets in the long run, and how many it may be ahead of that: the server drops what comes faster. */
const PACKET_EVERY = 500;
const PACKETS_AHEAD = 3;

const macOf = (guest: number): Mac =>
  `02:cb:00:00:00:${guest.toString(16).padStart(2, "0")}` as Mac;

export async function boot(setting: Setting, operation: Of<"boot">): Promise<void> {
  const { session } = setting;
  const { lost, twice, way, asks } = operation;
  const mac = macOf(operation.guest);
  const guest = session.model.guest(mac);
  if (!mayTalk(session, mac)) return;
  if (guest.word === "none" && session.free() === 0) session.counts.full += 1;
  if ((lost & DISCOVER) !== 0) return;
  const asked = asks === undefined ? {} : { requested: session.addresses[asks] ?? GATEWAY };
  const rapid = way === "rapid" ? { more: { [RAPID_COMMIT]: [] } } : {};
  const cooled = coolingOf(session, mac);
  if (way === "rapid") ask(session, guest);
  const heard = await exchange(
    session,
    { type: "discover", mac, ...asked, ...rapid },
    (twice & DISCOVER) !== 0,
  );
  for (const reply of heard) {
    if (reply.type === "offer") judgeOffer(setting, guest, reply.yiaddr, cooled);
    if (reply.type === "ack") acknowledged(setting, guest, reply.yiaddr);
  }
  if (way === "rapid" || (lost & (OFFER | REQUEST)) !== 0) return;
  const offer = heard.find((reply) => reply.type === "offer");
  if (offer?.type !== "offer") return;
  const serverId = way === "other-server" ? OTHER_SERVER : GATEWAY;
  if (way !== "other-server") ask(session, guest);
  const request = { type: "request", mac, requested: offer.yiaddr, serverId } as const;
  const answers = await exchange(session, request, (twice & REQUEST) !== 0);
  hear(setting, guest, answers, (lost & ACK) !== 0);
}

export async function renew(
  setting: Setting,
  { guest: number, how, lost }: Of<"renew">,
): Promise<void> {
  const { session } = setting;
  const mac = macOf(number);
  const guest = session.model.guest(mac);
  const { ip } = guest;
  if (ip === undefined || guest.word !== "held" || !mayTalk(session, mac)) return;
  ask(session, guest);
  const packet =
    how === "init-reboot"
      ? ({ type: "request", mac, requested: ip } as const)
      : ({ type: "request", mac, ciaddr: ip } as const);
  const source = how === "init-reboot" ? UNSET : ip;
  const expired = session.model.mayHaveExpired(guest);
  const shaky = session.shaky;
  const answers = await exchange(session, packet, false, source);
  hear(setting, guest, answers, (lost & ACK) !== 0);
  const refused = answers.some(({ type }) => type === "nak");
  if (refused && !expired) throw new Contradiction(`guest ${mac} holds ${ip} and was refused it`);
  if (answers.length === 0 && !shaky && setting.alone && !expired)
    throw new Contradiction(`guest ${mac} holds ${ip} and heard nothing when it renewed`);
}

export async function release(
  setting: Setting,
  { guest: number, spoofed }: Of<"release">,
): Promise<void> {
  const { session } = setting;
  const mac = macOf(number);
  const guest = session.model.guest(mac);
  const { ip } = guest;
  const speaker = spoofed ? macOf(number + 1) : mac;
  if (ip === undefined || guest.word !== "held" || !mayTalk(session, speaker)) return;
  if (!spoofed) guest.word = "maybe";
  const shaky = session.shaky;
  const packet = { type: "release", mac: speaker, ciaddr: ip, serverId: GATEWAY } as const;
  await exchange(session, packet, false, ip);
  if (spoofed || shaky) return;
  if (guest.word === "maybe") session.model.left(guest);
}

export async function decline(
  { session }: Setting,
  { guest: number }: Of<"decline">,
): Promise<void> {
  const mac = macOf(number);
  const guest = session.model.guest(mac);
  const { ip } = guest;
  if (ip === undefined || guest.word !== "held" || !mayTalk(session, mac)) return;
  guest.word = "maybe";
  guest.declining = true;
  await exchange(session, { type: "decline", mac, requested: ip, serverId: GATEWAY }, false);
}

function ask(session: Session, guest: Guest): void {
  guest.asking = true;
  if (guest.word !== "held" || session.model.mayHaveExpired(guest)) guest.word = "maybe";
}

function hear(setting: Setting, guest: Guest, answers: readonly DhcpReply[], lost: boolean): void {
  if (lost) return;
  for (const reply of answers) if (reply.type === "ack") acknowledged(setting, guest, reply.yiaddr);
}

function acknowledged({ session }: Setting, guest: Guest, ip: string): void {
  const { model, machine } = session;
  const others = model.holdersOf(ip, guest.mac);
  if (others.length > 0)
    throw new Contradiction(
      `guest ${guest.mac} was given ${ip}, which ${others.join(" and ")} holds`,
    );
  if (!machine.kernel.routes.has(ip as Ip))
    throw new Contradiction(`guest ${guest.mac} was told ${ip} before its route stood`);
  model.bound(guest, ip);
}

/** Nobody is offered what another has; a guest is offered what it has, or had last while it still cools for it. */
function judgeOffer(
  { session, alone }: Setting,
  guest: Guest,
  ip: string,
  cooled: readonly string[],
): void {
  const { model } = session;
  const others = model.holdersOf(ip, guest.mac);
  if (others.length > 0)
    throw new Contradiction(
      `guest ${guest.mac} was offered ${ip}, which ${others.join(" and ")} holds`,
    );
  if (guest.word === "held" && !model.mayHaveExpired(guest) && guest.ip !== ip)
    throw new Contradiction(`guest ${guest.mac} holds ${guest.ip} and was offered ${ip}`);
  if (alone && guest.word === "none" && cooled.length > 0 && !cooled.includes(ip))
    throw new Contradiction(
      `${cooled.join(" ")} cools for guest ${guest.mac}, which was offered ${ip}`,
    );
}

/** What cools behind the guest, or is offered to it now, which counts more. */
function coolingOf({ broker }: Session, mac: Mac): readonly string[] {
  const { ledger } = broker;
  const offered = ledger.offers.of(mac)?.ip;
  if (offered !== undefined) return [];
  const own = [...ledger.cooling()].filter(
    ({ ip, owner }) =>
      owner?.kind === "guest" && owner.mac === mac && ledger.offer(ip) === undefined,
  );
  return own.map(({ ip }) => ip);
}

/** The server drops what a guest sends too fast; here nothing is to be dropped for that. */
function mayTalk(session: Session, mac: Mac): boolean {
  const ahead = (session.quietFrom.get(mac) ?? 0) - session.model.now;
  return ahead <= PACKETS_AHEAD * PACKET_EVERY;
}

async function exchange(
  session: Session,
  packet: ClientPacket,
  twice: boolean,
  source = UNSET,
): Promise<readonly DhcpReply[]> {
  session.transactions += 1;
  const xid = session.transactions;
  const bytes = clientPacket({ ...packet, xid });
  for (let times = twice ? 2 : 1; times > 0; times -= 1) {
    session.broker.receive(bytes, source);
    const mac = packet.mac ?? "";
    const from = Math.max(session.quietFrom.get(mac) ?? 0, session.model.now);
    session.quietFrom.set(mac, from + PACKET_EVERY);
  }
  return session.alive(session.broker.replies(xid));
}

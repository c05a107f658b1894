// cocoon-net why: all that is known of one address.

import { Command } from "commander";
import type { AddressAnswer, RecordedEvent } from "#broker/api/contract.ts";
import type { Context } from "#cli/context.ts";
import { describeEvent } from "#cli/event-text.ts";
import { relative, rfc3339 } from "#cli/moment.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";
import { formatPairs } from "#cli/table.ts";
import { forPrograms } from "./leases.ts";

export function whyCommand(context: Context): Command {
  const command = new Command("why")
    .description("who has an address, since when, its route, neighbour and history")
    .argument("<ip>", "the address")
    .addOption(outputOption());
  addSettings(command, "broker").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net why 10.88.100.7\n  cocoon-net why 10.88.100.7 --output yaml",
  );
  return command.action(async (ip: string) => {
    const client = context.client(context.config(command));
    const answer = await context.terminal.progress("asking the broker", () => client.address(ip));
    context.terminal.out(
      render(formatOf(command.opts()), readable(answer), () => forPeople(answer, context.now())),
    );
  });
}

const readable = (answer: AddressAnswer) => ({
  ...answer,
  ...(answer.lease === undefined ? {} : { lease: forPrograms(answer.lease) }),
  history: answer.history.map((event) => ({ ...event, at: rfc3339(event.at) })),
});

function forPeople(answer: AddressAnswer, now: number): string {
  const { lease, route, neighbour } = answer;
  const pairs: (readonly [string, string])[] = [
    ["address", answer.ip],
    ["pool", answer.pool ?? "none"],
    [
      "state",
      answer.excluded === undefined
        ? (lease?.state ?? "free")
        : `never given away: ${answer.excluded}`,
    ],
  ];
  if (lease !== undefined) {
    pairs.push(
      ["owner", lease.owner],
      ["since", `${relative(lease.since, now)} (${rfc3339(lease.since)})`],
    );
    if (lease.until !== undefined)
      pairs.push(["until", `${relative(lease.until, now)} (${rfc3339(lease.until)})`]);
    if (lease.provisional)
      pairs.push(["delivery", "not confirmed: kept until its container is known to be gone"]);
    if (lease.attachment?.podName !== undefined)
      pairs.push([
        "pod",
        `${lease.attachment.podNamespace ?? "default"}/${lease.attachment.podName}`,
      ]);
    if (lease.hostname !== undefined) pairs.push(["host name", lease.hostname]);
    if (lease.sticky !== undefined) pairs.push(["sticky", lease.sticky]);
    pairs.push(["sequence", String(lease.sequence)]);
  }
  pairs.push(
    ["route", routeInWords(route)],
    [
      "neighbour",
      neighbour === undefined
        ? "none"
        : `${neighbour.mac}${neighbour.state === undefined ? "" : ` (${neighbour.state})`}`,
    ],
  );
  return `${formatPairs(pairs)}\n${historyText(answer.history, now)}`;
}

function routeInWords(route: AddressAnswer["route"]): string {
  if (route === undefined) return "unknown: the kernel could not be asked";
  if (route.present) return route.expected ? "stands" : "stands, but nobody's lease asks for it";
  return route.expected ? "MISSING" : "none";
}

const historyText = (history: readonly RecordedEvent[], now: number): string =>
  history.length === 0
    ? "no events since the broker started\n"
    : history.map((event) => `${relative(event.at, now)}: ${describeEvent(event)}\n`).join("");

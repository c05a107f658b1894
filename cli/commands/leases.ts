// cocoon-net leases: every address that is not free, and releasing one by hand.

import { Command, Option } from "commander";
import type { LeaseAnswer } from "#broker/api/contract.ts";
import { ipToNumber, parseIp } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import type { Context } from "#cli/context.ts";
import { relative, rfc3339 } from "#cli/moment.ts";
import { type Format, formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";
import { formatTable } from "#cli/table.ts";

const states = ["offered", "leased", "cooling", "quarantined"] as const;

export function leasesCommand(context: Context): Command {
  const command = new Command("leases")
    .description("list the addresses in use, or release one with --forget")
    .addOption(outputOption())
    .addOption(new Option("--state <state>", "only addresses in this state").choices(states))
    .addOption(new Option("--forget <ip>", "release this address although its owner did not"))
    .addOption(
      new Option(
        "--sequence <number>",
        "with --forget: only if the lease still has this sequence number",
      ).argParser(wholeNumber),
    )
    .addOption(
      new Option("--dry-run", "with --forget: say what would be released, change nothing"),
    );
  addSettings(command, "broker").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net leases\n  cocoon-net leases --output wide --state cooling\n  cocoon-net leases --forget 10.88.100.7 --dry-run\n  cocoon-net leases --output json | jq '.[].ip'",
  );
  return command.action(async () => {
    const options: { state?: string; forget?: string; sequence?: number; dryRun?: true } =
      command.opts();
    if (options.forget === undefined) await list(context, command, options.state);
    else await forget(context, command, options.forget, options);
  });
}

async function list(context: Context, command: Command, state: string | undefined): Promise<void> {
  const client = context.client(context.config(command));
  const all = await context.terminal.progress("reading the leases", () => client.leases());
  const leases = all
    .filter((lease) => state === undefined || lease.state === state)
    .toSorted(byAddress);
  context.terminal.out(
    render(formatOf(command.opts()), leases.map(forPrograms), (wide) =>
      leaseTable(leases, wide, context.now()),
    ),
  );
}

async function forget(
  context: Context,
  command: Command,
  ip: string,
  options: { sequence?: number; dryRun?: true },
): Promise<void> {
  const client = context.client(context.config(command));
  const format = formatOf(command.opts());
  if (options.dryRun === true) {
    const { lease } = await client.address(ip);
    const released =
      lease !== undefined &&
      (options.sequence === undefined || lease.sequence === options.sequence);
    say(
      context,
      format,
      { ip, released: false, owner: lease?.owner ?? "nobody" },
      released
        ? `${ip} would be released; now held by ${lease.owner}, sequence ${lease.sequence}`
        : `${ip} would stay as it is`,
    );
    return;
  }
  const answer = await client.forgetLease(ip, options.sequence);
  say(
    context,
    format,
    answer,
    answer.released
      ? `${ip} released; it was held by ${answer.owner}`
      : `${ip} was not released: its lease has another sequence number`,
  );
}

const say = (context: Context, format: Format, data: unknown, text: string): void =>
  context.terminal.out(render(format, data, () => `${text}\n`));

export const forPrograms = (lease: LeaseAnswer) => ({
  ...lease,
  since: rfc3339(lease.since),
  ...(lease.until === undefined ? {} : { until: rfc3339(lease.until) }),
});

export function leaseTable(leases: readonly LeaseAnswer[], wide: boolean, now: number): string {
  const header = [
    "IP",
    "STATE",
    "OWNER",
    "SINCE",
    "UNTIL",
    ...(wide ? ["POOL", "SEQUENCE", "MAC", "NAME", "ROUTED"] : []),
  ];
  const rows = leases.map((lease) => [
    lease.ip,
    lease.provisional ? `${lease.state} (unconfirmed)` : lease.state,
    lease.owner,
    relative(lease.since, now),
    lease.until === undefined ? "-" : relative(lease.until, now),
    ...(wide
      ? [
          lease.pool,
          String(lease.sequence),
          lease.mac ?? "-",
          nameOf(lease),
          lease.routed ? "yes" : "no",
        ]
      : []),
  ]);
  return formatTable(header, rows);
}

function nameOf({ attachment, hostname, sticky }: LeaseAnswer): string {
  if (attachment?.podName !== undefined)
    return `${attachment.podNamespace ?? "default"}/${attachment.podName}`;
  return hostname ?? sticky ?? "-";
}

function byAddress(one: LeaseAnswer, other: LeaseAnswer): number {
  const [a, b] = [one, other].map(({ ip }) => parseIp(ip));
  if (a === undefined || b === undefined || a.includes(":") !== b.includes(":"))
    return one.ip.localeCompare(other.ip);
  return ipToNumber(a) < ipToNumber(b) ? -1 : 1;
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new BrokerError("invalid-request", `--sequence ${text} is not a whole number`, {
    hint: "take it from `cocoon-net leases --output wide`",
  });
}

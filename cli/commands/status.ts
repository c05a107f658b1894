// cocoon-net status: how the node is, from the broker; without one, what its files say.

import { Command, Option } from "commander";
import type { PoolStatus, StatusAnswer } from "#broker/api/contract.ts";
import { BrokerError } from "#core/errors.ts";
import { type PoolFile, readPoolFile } from "#provision/pool-file.ts";
import type { Config } from "#broker/config.ts";
import { cloudInWords, cloudSide } from "#cli/cloud-side.ts";
import type { Context } from "#cli/context.ts";
import { EXIT_NOT_RUNNING, EXIT_OK } from "#cli/exit-codes.ts";
import { relative, rfc3339 } from "#cli/moment.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";
import { formatPairs, formatTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";

export function statusCommand(context: Context): Command {
  const command = new Command("status")
    .description("show the broker, its pools and the node's set-up")
    .addOption(new Option("--no-cloud", "leave the cloud's side out"))
    .addOption(outputOption());
  addSettings(command, "status").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net status\n  cocoon-net status --output json\n  cocoon-net status --no-cloud\n  cocoon-net status --socket /run/other/broker.sock",
  );
  return command.action(async () => {
    const config = context.config(command);
    const format = formatOf(command.opts());
    const { cloud: wanted }: { cloud: boolean } = command.opts();
    const pool = await readPoolFile(config.poolFile);
    const [node, cloud] = await Promise.all([
      nodeSide(context, config),
      wanted ? cloudSide(pool, context.interrupted()) : undefined,
    ]);
    context.terminal.out(
      render(
        format,
        {
          ...("status" in node
            ? forPrograms(node.status)
            : { serving: false, notServing: node.reason.message, pool: pool ?? null }),
          ...(cloud === undefined ? {} : { cloud }),
        },
        () =>
          `${"status" in node ? forPeople(node.status, context) : fromFiles(node.reason, pool, config.poolFile)}${cloud === undefined ? "" : `\n${cloudInWords(cloud)}`}`,
      ),
    );
    if ("reason" in node)
      context.terminal.err(
        `next: ${pool === undefined ? "cocoon-net adopt --platform local --subnet <cidr>" : node.reason.hint}\n`,
      );
    context.exit("status" in node && node.status.serving ? EXIT_OK : EXIT_NOT_RUNNING);
  });
}

/** The broker's own account, or why there is none. */
async function nodeSide(
  context: Context,
  config: Config,
): Promise<{ readonly status: StatusAnswer } | { readonly reason: BrokerError }> {
  try {
    const status = await context.terminal.progress("waiting for the broker", () =>
      context.client(config).status(),
    );
    return { status };
  } catch (thrown) {
    if (thrown instanceof BrokerError && thrown.code === "not-ready") return { reason: thrown };
    throw thrown;
  }
}

const forPrograms = (status: StatusAnswer) => ({ ...status, since: rfc3339(status.since) });

function forPeople(status: StatusAnswer, { terminal, now }: Context): string {
  const state = status.serving
    ? terminal.colour("green", "serving")
    : terminal.colour("red", `not serving: ${status.notServing ?? "no reason given"}`);
  const { condition, durability, records, detail } = status.ledger;
  const pairs = formatPairs([
    [
      "broker",
      `${state}, since ${relative(status.since, now())} (process ${status.processId}, version ${status.version})`,
    ],
    ["node", `${status.node}, platform ${status.platform}, bridge ${status.bridge}`],
    [
      "ledger",
      `${condition}, durability ${durability}, ${records} records${detail === undefined ? "" : `: ${detail}`}`,
    ],
    ["set-up", setupInWords(status, terminal)],
  ]);
  const warnings = status.warnings
    .map((warning) => `${terminal.colour("yellow", "warning")}: ${warning}\n`)
    .join("");
  return `${pairs}\n${poolTable(status.pools)}${warnings === "" ? "" : `\n${warnings}`}`;
}

function setupInWords({ setup }: StatusAnswer, terminal: Terminal): string {
  const wrong = setup.filter(({ state }) => state === "failed" || state === "foreign");
  if (wrong.length === 0) return `as it should be (${setup.length} items)`;
  return terminal.colour(
    "red",
    wrong
      .map(
        ({ item, state, detail }) =>
          `${item} ${state}${detail === undefined ? "" : ` (${detail})`}`,
      )
      .join("; "),
  );
}

const poolTable = (pools: readonly PoolStatus[]): string =>
  formatTable(
    ["POOL", "SUBNET", "GATEWAY", "SIZE", "FREE", "LEASED", "OFFERED", "COOLING", "QUARANTINED"],
    pools.map((pool) => [
      pool.name,
      pool.subnet,
      pool.gateway ?? "-",
      ...[pool.size, pool.free, pool.leased, pool.offered, pool.cooling, pool.quarantined].map(
        String,
      ),
    ]),
  );

function fromFiles(reason: BrokerError, pool: PoolFile | undefined, path: string): string {
  return formatPairs([
    ["broker", reason.message],
    [
      "pool",
      pool === undefined
        ? `none: ${path} does not exist`
        : `${pool.subnet}, gateway ${pool.gateway}, platform ${pool.platform}, node ${pool.nodeName}`,
    ],
  ]);
}

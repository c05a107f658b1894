// The composition root: the only file that joins adapters to ports. It also is the order of start (spec section 3).

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Ip } from "#core/address.ts";
import type { BrokerError } from "#core/errors.ts";
import type { Clock, LedgerStore } from "#core/ports.ts";
import { startMetricsListener } from "#broker/api/metrics-listener.ts";
import { startApiServer } from "#broker/api/server.ts";
import { createDhcpServer } from "#broker/dhcp/server.ts";
import type { DhcpSocket } from "#broker/dhcp/socket-port.ts";
import { readBootId } from "#broker/linux/boot.ts";
import { openDhcpSocket } from "#broker/linux/dhcp-socket.ts";
import { openForwardingDatabase } from "#broker/linux/forwarding-database.ts";
import { takeInstanceLock } from "#broker/linux/instance-lock.ts";
import { openInspection } from "#broker/linux/inspection.ts";
import { openEvidence } from "#broker/linux/evidence.ts";
import { smallestMtu } from "#broker/linux/mtu.ts";
import { namespaceId } from "#broker/linux/namespace-id.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { nicsByMac } from "#broker/linux/nic-names.ts";
import { openReplyTap } from "#broker/linux/reply-tap.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { systemClock } from "#broker/linux/system-clock.ts";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { openMirror } from "#broker/stores/mirror.ts";
import { openUplinkRoutes } from "#broker/linux/uplink-routes.ts";
import { openSpool } from "#broker/stores/spool.ts";
import { readPoolFile } from "#provision/pool-file.ts";
import { createApiHandlers } from "./api-handlers.ts";
import type { Config } from "./config.ts";
import { createConflists } from "./conflists.ts";
import { throughEffects } from "./dhcp-replies.ts";
import type { Effects } from "./effects.ts";
import { createDhcpKeeper } from "./dhcp-keeper.ts";
import { createFsck } from "./fsck.ts";
import { createLedgerWatch } from "./ledger-watch.ts";
import { observe } from "./gauges.ts";
import { createGuestGuards } from "./guest-guards.ts";
import { poolFileChanges } from "./pool-file-changes.ts";
import { processMemoryKeeper } from "./memory.ts";
import { nodeNetworkOf } from "./node-network.ts";
import { nodeReports } from "./node-reports.ts";
import { createNodeKeeper } from "#broker/node/keeper.ts";
import { openNodePorts } from "#broker/linux/node-ports.ts";
import { watchFolders } from "#broker/linux/folder-watch.ts";
import { type KernelChange, openWatch } from "#broker/linux/watch.ts";
import { interfaceIndex, interfaceName } from "#broker/linux/libc.ts";
import {
  dhcpSettingsOf,
  identityOf,
  poolOf,
  refuseUnbuilt,
  requirePoolFile,
} from "./node-settings.ts";
import { openNotifier } from "./notify.ts";
import { type Parts, createParts } from "./parts.ts";
import { tellResync } from "./resync.ts";
import { createReconciler } from "./reconciler.ts";
import { rogueWatchOf } from "./rogue-watch.ts";
import { createRouteKeeper } from "./route-keeper.ts";
import { parseListen } from "./setting.ts";
import { takeUp } from "./startup.ts";
import { Standing } from "./standing.ts";
import { createSteadyClock } from "./steady-clock.ts";
import { createSweeper } from "./sweeper.ts";
import { createTelemetry } from "./telemetry.ts";
import { after, runTasks } from "./task.ts";
import { readText } from "./text-file.ts";
import { createUplinks, withNicNames } from "./uplinks.ts";

/** What tests put in the place of the real thing. */
export interface Overrides {
  readonly clock?: Clock;
  /** Wraps the interpreter's handlers, for example to stop the process on either side of an effect. */
  readonly decorate?: (effects: Effects) => Effects;
}

export interface Broker extends AsyncDisposable, Pick<LedgerStore, "lost"> {
  /** Serves until the signal aborts; rejects when a part fails. */
  run(signal: AbortSignal): Promise<void>;
}

/** Starts everything in the order of spec section 3; what was opened is closed again when a step fails. */
export async function startBroker(config: Config, overrides: Overrides = {}): Promise<Broker> {
  await using opened = new AsyncDisposableStack();
  refuseUnbuilt(config);
  const clock = createSteadyClock(overrides.clock ?? systemClock);
  const since = clock.now();
  const telemetry = createTelemetry({ level: config.logLevel, now: () => clock.now() });
  const notifier = opened.adopt(openNotifier(telemetry.log), (socket) => socket.close());
  const standing = new Standing();
  const bootId = readBootId();
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  opened.use(takeInstanceLock(join(config.stateDir, "broker.lock")));
  const recorded = requirePoolFile(await readPoolFile(config.poolFile), config.poolFile);
  const pool = poolOf(recorded, config.poolFile);

  notifier.status("reading the ledger");
  const outside = await openOutside(config, standing, opened);
  const serving = () => standing.notServing === undefined;
  const parts = createParts({
    ...outside,
    clock,
    bootId,
    pool,
    telemetry,
    readText,
    serving,
    decorate: overrides.decorate,
  });
  await takeUp(parts, {
    ...outside,
    pool,
    standing,
    clock,
    leaseSeconds: config.dhcpLeaseSeconds,
    log: telemetry.log,
    tell: (status) => notifier.status(status),
  });

  // A crash may have left the file behind the ledger.
  parts.mirroring.touch(["SWEEP"]);

  notifier.status("setting up the node");
  const nics = { byMac: () => nicsByMac(outside.netlink), indexOf: interfaceIndex };
  const poolFile = await withNicNames(recorded, nics.byMac);
  const mtu = await smallestMtu([poolFile.primaryNIC, ...poolFile.secondaryNICs]);
  const nodePorts = openNodePorts(outside.netlink, config.nodeMemoryPath);
  const forwarding = opened.use(openForwardingDatabase(() => interfaceIndex(config.bridge)));
  const around = { config, parts, telemetry, standing, now: () => clock.now() };
  const guards = createGuestGuards({
    ...around,
    ...nodePorts,
    portOf: (mac) => forwarding.portOf(mac),
    nameOf: interfaceName,
    indexOf: interfaceIndex,
    namespaceId: (path) => namespaceId(outside.netlink, path),
  });
  const node = createNodeKeeper({
    network: async () => nodeNetworkOf(await withNicNames(recorded, nics.byMac), config, mtu),
    ports: { ...nodePorts, guestPorts: () => guards.ports.ports() },
    now: () => clock.now(),
    ...nodeReports(standing, telemetry),
  });
  await node.apply();
  const uplinkPort = openUplinkRoutes(outside.netlink);
  const uplinks = createUplinks({ ...around, file: poolFile, port: uplinkPort, nics });
  await uplinks?.apply().catch((error: Error) => parts.trouble("uplinks", error));
  await guards.sources.start();
  guards.onGuest(() => node.changed());
  const routeKeeper = createRouteKeeper({
    ...parts,
    ...outside,
    resynced: (outcome) => tellResync(outcome, telemetry.log),
  });
  const socket = opened.use(await openDhcp(config, poolFile.gateway, parts));
  const dhcp = createDhcpServer({
    socket: throughEffects(socket, parts),
    leasing: guards.leasing,
    settings: dhcpSettingsOf(poolFile, config, mtu),
    now: () => clock.now(),
    random: Math.random,
    onEvent: (event) => telemetry.log.warn(event, `DHCP request dropped (${event.reason})`),
  });
  const tap = opened.use(openReplyTap(config.bridge));
  const rogues = rogueWatchOf({ tap, clock, telemetry, standing, ...guards, ...parts });
  const rogueServers = () => rogues.servers().length;
  telemetry.observe(() => observe({ parts, pool, dhcp: dhcp.counters, serving, rogueServers }));
  const conflists = createConflists({
    config,
    mtu,
    wrote: (fileName) => telemetry.log.info({ fileName }, `wrote ${fileName}`),
    trouble: parts.trouble,
  });
  const fsck = createFsck({
    ...parts,
    ...outside,
    pool,
    leaseFile: config.leaseFile,
    poolFile: async () => poolFileChanges(poolFile, await readPoolFile(config.poolFile)),
  });
  const handlers = createApiHandlers({
    ...parts,
    fsck,
    pool,
    telemetry,
    routeStands: (ip) => outside.routes.stands(ip),
    notServing: () => standing.notServing,
    notReady: () => standing.notReady,
    report: () => ({
      ...identityOf(poolFile, config, bootId),
      since,
      ...standing.view(),
      rogueServers: [...rogues.servers()],
      ledger: {
        ...standing.ledgerView(),
        durability: config.durability,
        records: parts.ledger.size,
      },
    }),
  });
  parts.onDisagreement(() => routeKeeper.touch());
  const dhcpKeeper = createDhcpKeeper({
    socket,
    bridgeIndex: () => interfaceIndex(config.bridge),
    reopened: () => telemetry.log.info({ bridge: config.bridge }, "DHCP follows the new bridge"),
    trouble: parts.trouble,
  });
  const namespaces = opened.use(watchFolders(() => reconciler.touch()));
  const reconciler = createReconciler({
    ...parts,
    ...outside,
    follow: (folders) => namespaces.follow(folders),
  });
  const onChange = ({ kinds, lost }: KernelChange) => {
    node.changed();
    guards.sources.touch();
    routeKeeper.touch();
    dhcpKeeper.touch();
    // A container's link goes with its namespace.
    if (lost || kinds.has("link")) reconciler.touch();
    if (lost || kinds.has("link") || kinds.has("route")) uplinks?.touch();
  };
  const tasks = [
    createLedgerWatch({ ...outside, standing, log: telemetry.log }),
    node,
    guards.sources,
    rogues,
    dhcpKeeper,
    createSweeper(parts.leasing),
    after(routeKeeper.tried, reconciler),
    after(routeKeeper.tried, parts.mirroring),
    parts.spooler,
    routeKeeper,
    dhcp,
    conflists,
    processMemoryKeeper(),
    ...(uplinks === undefined ? [] : [uplinks]),
  ];
  const held = opened.move();
  return {
    lost: outside.store.lost,
    async run(signal) {
      await using serving = new AsyncDisposableStack();
      const onError = (error: BrokerError) =>
        telemetry.log.error({ code: error.code }, error.message);
      serving.use(await startApiServer({ path: config.socket, handlers, onError }));
      const watchTrouble = (error: Error) => parts.trouble("kernel watch", error);
      serving.use(openWatch({ ownPort: outside.netlink.port, onChange, trouble: watchTrouble }));
      const listen = parseListen(config.metricsAddr);
      if (listen !== undefined)
        serving.use(
          await startMetricsListener({ ...listen, metrics: () => handlers.metrics(), onError }),
        );
      standing.notServing = undefined;
      await conflists.write().catch((error: Error) => parts.trouble("conflist", error));
      standing.announced = true;
      notifier.ready(`serving ${poolFile.subnet} on ${config.bridge}`);
      notifier.startWatchdog(() => parts.leasing.healthy());
      telemetry.log.info(
        { subnet: poolFile.subnet, bridge: config.bridge, leases: parts.ledger.size },
        "serving",
      );
      await runTasks(tasks, signal);
      standing.notServing = "stopping";
      notifier.stopping();
    },
    async [Symbol.asyncDispose]() {
      await parts.mirroring.flush().catch((error: Error) => parts.trouble("mirror", error));
      await held.disposeAsync();
    },
  };
}

function openDhcp(config: Config, address: Ip, { trouble }: Parts): Promise<DhcpSocket> {
  const { bridge, dhcpAllowRelay: allowRelay } = config;
  return openDhcpSocket({
    bridge,
    address,
    allowRelay,
    trouble: (error) => trouble("dhcp socket", error),
  });
}

async function openOutside(config: Config, standing: Standing, opened: AsyncDisposableStack) {
  const { ledgerPath: path, durability, bridge, leaseFile } = config;
  const store = opened.use(await openLmdb({ path, durability }));
  const netlink = opened.use(openNetlink());
  const routes = openRouteTable({ netlink, bridge });
  const mirror = openMirror({
    path: leaseFile,
    trouble: (faults) => standing.warn("mirror", `${leaseFile}: ${faults.join("; ")}`),
  });
  const evidence = openEvidence({ netlink, routes, bridge });
  const inspection = openInspection(netlink, bridge);
  const spool = openSpool(config.spoolPath);
  return { store, netlink, routes, mirror, spool, evidence, inspection };
}

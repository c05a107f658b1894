// The broker's inner parts, put together from ports alone: nothing here knows what is behind them.

import { effectsOf } from "#core/effects.ts";
import { Ledger } from "#core/ledger.ts";
import type { Clock, LedgerStore, Mirror, RouteTable } from "#core/ports.ts";
import { concernsLease } from "#core/record.ts";
import type { Pool } from "#core/range.ts";
import { type Cni, createCni } from "#broker/cni/verbs.ts";
import { createContainers } from "./containers.ts";
import { type Effects, createEffects } from "./effects.ts";
import { createGuests } from "./guests.ts";
import { Leasing } from "./leasing.ts";
import { type Mirroring, createMirroring } from "./mirroring.ts";
import { type Spooler, type SpoolFolder, createSpooler } from "./spooler.ts";
import type { Telemetry } from "./telemetry.ts";

export interface PartsOptions {
  readonly store: LedgerStore;
  readonly routes: RouteTable;
  readonly mirror: Mirror;
  readonly spool: SpoolFolder;
  readonly clock: Clock;
  readonly bootId: string;
  readonly pool: Pool;
  readonly telemetry: Telemetry;
  readonly readText: (path: string, limit: number) => Promise<string>;
  readonly serving: () => boolean;
  readonly decorate: ((effects: Effects) => Effects) | undefined;
}

export interface Parts {
  readonly ledger: Ledger;
  readonly effects: Effects;
  readonly leasing: Leasing;
  readonly mirroring: Mirroring;
  readonly spooler: Spooler;
  readonly cni: Cni;
  readonly guests: ReturnType<typeof createGuests>;
  /** Files in the spool when it was last looked at. */
  readonly spoolDepth: () => number;
  readonly trouble: (what: string, error: Error) => void;
  /** Calls back when ledger and kernel may differ: a commit failed and was undone, or a route could not be changed. */
  readonly onDisagreement: (action: () => void) => void;
}

export function createParts(options: PartsOptions): Parts {
  const { telemetry, routes, pool, clock, bootId, mirror, spool } = options;
  const ledger = new Ledger();
  const plain = createEffects(options);
  const effects = options.decorate?.(plain) ?? plain;
  const emit = telemetry.record.bind(telemetry);
  let disagreement: () => void = () => undefined;
  const trouble = (what: string, error: Error) => {
    if (what === "commit") {
      telemetry.meters.commit("failed", 0, 0);
      disagreement();
      // A rewrite may have seen what was undone.
      mirroring.touch(["SWEEP"]);
    }
    if (what.startsWith("route add ") || what.startsWith("route delete ")) disagreement();
    telemetry.log.warn({ what }, `${what}: ${error.message}`);
  };
  const leasing = new Leasing({
    ledger,
    effects,
    clock,
    bootId,
    emit,
    trouble,
    committed(cause, changes, milliseconds) {
      telemetry.meters.commit("ok", changes.length, milliseconds / 1_000);
      const mirrored = cause.filter((verb) => effectsOf[verb].includes("mirror"));
      if (changes.some(concernsLease) && mirrored.length > 0) mirroring.touch(mirrored);
    },
  });
  const mirroring = createMirroring({ leasing, effects, mirror, trouble });
  const containers = createContainers({
    leasing,
    routeStands: (ip) => routes.stands(ip),
    serving: options.serving,
  });
  const node = { pool: () => pool, serving: options.serving };
  const cni = createCni({ leasing: containers, node, bootId, readText: options.readText });
  let waiting = 0;
  const spooler = createSpooler({
    spool,
    effects,
    release: (body) => cni.release(body),
    depth: (files) => (waiting = files),
    trouble,
  });
  const guests = createGuests({ leasing, pool, emit });
  const spoolDepth = () => waiting;
  const onDisagreement = (action: () => void) => {
    disagreement = action;
  };
  return {
    onDisagreement,
    ledger,
    effects,
    leasing,
    mirroring,
    spooler,
    cni,
    guests,
    spoolDepth,
    trouble,
  };
}

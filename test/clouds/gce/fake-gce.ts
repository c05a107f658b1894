// A fake Google Compute Engine that other programs call over HTTP: its API, its metadata servers, its control socket.

import { CallLog } from "#test/clouds/shared/call-log.ts";
import { startControl } from "#test/clouds/shared/control.ts";
import { type Cloud, faultyHandler } from "#test/clouds/shared/faulty.ts";
import { FaultPlan } from "#test/clouds/shared/fault-plan.ts";
import {
  type Exchange,
  type HttpServer,
  type Place,
  startHttpServer,
} from "#test/clouds/shared/http-server.ts";
import { computeApi } from "./api.ts";
import { type GceAudit, auditOf } from "./audit.ts";
import { METADATA_PREFIX, metadataServer } from "./metadata.ts";
import type { Instance } from "./resources.ts";
import { type Scenario, gkeScenario } from "./scenario.ts";
import { GceState } from "./state.ts";
import { applyStateChange, describeState } from "./state-change.ts";

const LOOPBACK: Place = { host: "127.0.0.1", port: 0 };

export class FakeGce implements AsyncDisposable {
  readonly state: GceState;
  readonly log = new CallLog();
  readonly faults = new FaultPlan();
  readonly #servers: HttpServer[] = [];

  constructor(scenario: Scenario = gkeScenario()) {
    this.state = new GceState(scenario);
  }

  get changes(): GceState["changes"] {
    return this.state.changes;
  }

  /** The API alone, to be called as `url` + `/compute/v1/projects/…`. */
  startApi(place: Place = LOOPBACK): Promise<HttpServer> {
    return this.#start(place, () => computeApi(this.state));
  }

  /** The metadata server that this instance sees. */
  startMetadata(instance: string, place: Place = LOOPBACK): Promise<HttpServer> {
    const cloud = metadataServer(this.state, () => this.state.resources.instanceNamed(instance));
    return this.#start(place, () => cloud);
  }

  /**
   * API and metadata at one place. Whose metadata it is: that of `instance`, else of the one with the caller's
   * address, else of the first.
   */
  startAll(place: Place = LOOPBACK, instance?: string): Promise<HttpServer> {
    const { resources } = this.state;
    const whose = ({ from }: Exchange): Instance => {
      if (instance !== undefined) return resources.instanceNamed(instance);
      const first = resources.instances[0];
      const found = resources.instances.find((each) =>
        each.interfaces.some((nic) => nic.networkIP === from),
      );
      if (first === undefined) throw new TypeError("the scenario has no instance");
      return found ?? first;
    };
    const [api, metadata] = [computeApi(this.state), metadataServer(this.state, whose)];
    return this.#start(place, ({ url: { pathname } }) =>
      pathname === "/" || `${pathname}/`.startsWith(`${METADATA_PREFIX}/`) ? metadata : api,
    );
  }

  /** The Unix socket by which another process drives this fake. */
  async startControl(path: string): Promise<HttpServer> {
    const server = await startControl(path, {
      log: this.log,
      faults: this.faults,
      changes: this.changes,
      state: () => describeState(this.state),
      audit: () => this.audit(),
      change: (request) => this.change(request),
    });
    this.#servers.push(server);
    return server;
  }

  /** What leaked or was lost since the beginning. */
  audit(): GceAudit {
    return auditOf(this.state);
  }

  /** Something that happens without the caller; the request as `state-change.ts` lists them. */
  change(request: unknown): unknown {
    return applyStateChange(this.state, request);
  }

  async #start(place: Place, cloudOf: (exchange: Exchange) => Cloud): Promise<HttpServer> {
    const now = () => this.state.clock.now();
    const handlers = new Map<Cloud, ReturnType<typeof faultyHandler>>();
    const server = await startHttpServer(place, (exchange, signal) => {
      const cloud = cloudOf(exchange);
      const handler = handlers.get(cloud) ?? faultyHandler(cloud, this.faults, this.log, now);
      handlers.set(cloud, handler);
      return handler(exchange, signal);
    });
    this.#servers.push(server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers.toReversed()) await server[Symbol.asyncDispose]();
  }
}

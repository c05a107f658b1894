// A stateful fake of Volcengine's VPC and ECS APIs: signatures, limits, lags and refusals like the real ones, or stricter.

import { CallLog, type LoggedCall, type NamedCall } from "#test/clouds/shared/call-log.ts";
import { ChangeFeed } from "#test/clouds/shared/change-feed.ts";
import { type Controlled, startControl } from "#test/clouds/shared/control.ts";
import { FaultPlan } from "#test/clouds/shared/fault-plan.ts";
import { type Cloud, faultyHandler } from "#test/clouds/shared/faulty.ts";
import {
  type Answer,
  type Exchange,
  type Handler,
  type HttpServer,
  startHttpServer,
} from "#test/clouds/shared/http-server.ts";
import { Replays, VERSION, actionNamed, parametersOf } from "./actions.ts";
import { type Audit, type Snapshot, audit, snapshot } from "./audit.ts";
import type { Action, VolcengineChange } from "./call.ts";
import { VolcengineError, errorAnswer, resultAnswer } from "./errors.ts";
import { Region } from "./region.ts";
import { metadataOf, pairsOf } from "./request.ts";
import { type Credential, type ScenarioInput, type Settings, parseScenario } from "./scenario.ts";
import { type Caller, authenticate } from "./signature.ts";
import { applyChange } from "./state-change.ts";
import { TokenBucket } from "./throttle.ts";
import { settle } from "./transition.ts";
import { startMetadata } from "./metadata.ts";

export class FakeVolcengine implements Controlled {
  readonly log = new CallLog();
  readonly faults = new FaultPlan();
  readonly changes = new ChangeFeed<VolcengineChange>();
  settings: Settings;
  credentials: readonly Credential[];
  readonly regions: ReadonlyMap<string, Region>;
  readonly #before: ReadonlyMap<string, Snapshot>;
  readonly #handler: Handler;
  readonly #replays = new Replays();
  readonly #buckets = new Map<string, { read: TokenBucket; write: TokenBucket }>();
  readonly #started = Date.now();
  #moved = 0;
  #skew = 0;
  #made = 0;

  constructor(scenario: ScenarioInput) {
    const { settings, credentials, regions } = parseScenario(scenario);
    this.settings = settings;
    this.credentials = credentials;
    this.regions = new Map(regions.map((seed) => [seed.id, new Region(seed)]));
    this.#before = this.snapshot();
    const cloud: Cloud = {
      name: (exchange) => this.#name(exchange),
      serve: (exchange, call) => this.#serve(exchange, call),
      failure: (call) =>
        this.#refusal(call, "InternalError", "The request has failed due to an unknown error."),
      throttled: (call) => this.#refusal(call, this.settings.throttle, FLOW_LIMIT),
      denied: (call) => this.#denial(call),
    };
    this.#handler = faultyHandler(cloud, this.faults, this.log, () => this.now());
  }

  /** Milliseconds since 1970 as the fake counts them: for lags and token buckets. */
  now(): number {
    return this.#started + (Date.now() - this.#started) * this.settings.clockScale + this.#moved;
  }

  /** The gateway's clock, against which requests' dates and temporary keys are held. */
  gatewayNow(): number {
    return Date.now() + this.#skew;
  }

  /** Moves the fake's time, and applies what is due. */
  advance(ms: number): void {
    this.#moved += ms;
    this.#settle();
  }

  setSkew(ms: number): void {
    this.#skew = ms;
  }

  /** The region of that name; the first one when none is named. */
  regionNamed(id?: string): Region {
    const region = id === undefined ? this.regions.values().next().value : this.regions.get(id);
    if (region === undefined) throw new Error(`there is no region ${id}`);
    return region;
  }

  /** Something that happens without the caller. */
  change(request: unknown): void {
    applyChange(this, request);
    this.#settle();
  }

  onChange(listener: (change: VolcengineChange) => void): () => void {
    return this.changes.onChange(listener);
  }

  snapshot(): ReadonlyMap<string, Snapshot> {
    return new Map([...this.regions].map(([id, region]) => [id, snapshot(region)]));
  }

  /** What differs from the given state; from the scenario when none is given. */
  audit(before: ReadonlyMap<string, Snapshot> = this.#before): Audit {
    this.#settle();
    return audit(this.regions.values(), before);
  }

  state(): unknown {
    this.#settle();
    return [...this.regions.values()].map((region) => ({
      region: region.id,
      vpcs: [...region.vpcs.values()].map(({ id, cidr, status }) => ({ id, cidr, status })),
      subnets: [...region.subnets.values()].map(({ id, cidr, status, zoneId, tags }) => ({
        id,
        cidr,
        status,
        zoneId,
        tags,
        taken: region.takenIn(found(region.subnets, id)).size,
      })),
      enis: [...region.enis.values()].map(({ view }) => view),
      securityGroups: [...region.securityGroups.values()],
      instances: [...region.instances.values()],
    }));
  }

  /** The API. Dispose it to close. */
  listen(host = "127.0.0.1", port = 0): Promise<HttpServer> {
    return startHttpServer({ host, port }, this.#handler);
  }

  /** The metadata service as one instance sees it. */
  listenMetadata(instanceId: string, host = "127.0.0.1", port = 0): Promise<HttpServer> {
    return startMetadata(this, instanceId, { host, port });
  }

  /** The Unix socket by which a test in another process drives the fake. */
  control(path: string): Promise<HttpServer> {
    return startControl(path, this);
  }

  #name({ url }: Exchange): NamedCall {
    const action = url.searchParams.get("Action") ?? "";
    const known = actionNamed(action);
    return {
      action: known === undefined ? "unknown" : action,
      mutating: known?.mutating ?? false,
      params: Object.fromEntries(url.searchParams),
      ...(known === undefined ? { unexpected: `there is no action ${action}` } : {}),
    };
  }

  #serve(exchange: Exchange, logged: LoggedCall): Answer {
    this.#settle();
    const metadata = metadataOf(logged, exchange);
    try {
      const action = this.#route(exchange);
      const caller = authenticate(exchange, this.credentials, this.gatewayNow());
      return this.#serveFor(exchange, logged, action, caller);
    } catch (thrown) {
      if (!(thrown instanceof VolcengineError)) throw thrown;
      if (thrown.unexpected) logged.unexpected = thrown.message;
      return errorAnswer(metadata, thrown.code, thrown.message, this.settings.errorsAsOk);
    }
  }

  #route({ method, url }: Exchange): Action {
    if (method !== "GET" && method !== "POST")
      throw new VolcengineError("MethodNotAllowed", `The method ${method} is not allowed.`, true);
    const name = url.searchParams.get("Action");
    const version = url.searchParams.get("Version");
    for (const [field, value] of [
      ["Action", name],
      ["Version", version],
    ] as const)
      if (value === null || value === "")
        throw new VolcengineError(
          "MissingParameter",
          `The required parameter ${field} is missing.`,
          true,
        );
    const action = actionNamed(name ?? "");
    if (action === undefined || version !== VERSION || url.pathname !== "/")
      throw new VolcengineError(
        "InvalidActionOrVersion",
        `Could not find operation ${name} for version ${version}.`,
        true,
      );
    return action;
  }

  #serveFor(exchange: Exchange, logged: LoggedCall, action: Action, caller: Caller): Answer {
    const { credential, service } = caller;
    const name = logged.action;
    const region = this.regions.get(caller.region);
    if (region === undefined)
      throw new VolcengineError(
        "ServiceNotFound",
        `The service ${service} is not found in the region ${caller.region}.`,
      );
    if (service !== action.service)
      throw new VolcengineError(
        "InvalidActionOrVersion",
        `Could not find operation ${name} of the service ${service}.`,
        true,
      );
    if (!this.#bucket(credential.account, action.mutating).take(this.now()))
      throw new VolcengineError(this.settings.throttle, FLOW_LIMIT);
    const permission = `${service}:${name}`;
    if (credential.deny.includes(permission) || credential.allow?.includes(permission) === false)
      throw new VolcengineError(this.settings.denial, denialOf(permission));
    const call = {
      region,
      account: credential.account,
      parameters: parametersOf(action, pairsOf(exchange)),
      settings: this.settings,
      now: this.now(),
      newId: (prefix: string) => `${prefix}-${this.#number().toString(36).padStart(16, "0")}`,
      newMac: () => `00:16:3e:f0:${byte(this.#number() >> 8)}:${byte(this.#made)}`,
      emit: (change: VolcengineChange) => this.changes.emit(change),
    };
    const result = this.#replays.serve(name, action, call);
    this.#settle();
    return resultAnswer(metadataOf(logged, exchange), result);
  }

  #refusal(call: LoggedCall, ...error: [code: VolcengineError["code"], message: string]): Answer {
    return errorAnswer(metadataOf(call), ...error, this.settings.errorsAsOk);
  }

  #denial(call: LoggedCall): Answer {
    const service = actionNamed(call.action)?.service ?? "vpc";
    return this.#refusal(call, this.settings.denial, denialOf(`${service}:${call.action}`));
  }

  #bucket(account: string, mutating: boolean): TokenBucket {
    const { readRate, writeRate } = this.settings;
    const buckets = this.#buckets.get(account) ?? {
      read: new TokenBucket(readRate, this.now()),
      write: new TokenBucket(writeRate, this.now()),
    };
    this.#buckets.set(account, buckets);
    return mutating ? buckets.write : buckets.read;
  }

  #settle(): void {
    for (const region of this.regions.values())
      settle(region, this.settings, this.now(), (change) => this.changes.emit(change));
  }

  #number(): number {
    this.#made += 1;
    return this.#made;
  }
}

const FLOW_LIMIT =
  "The request was rejected because the API rate limit of the account was exceeded.";

const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, "0");

const denialOf = (permission: string): string =>
  `User is not authorized to perform: ${permission} on resource: trn:${permission.split(":")[0]}:::*.`;

function found<Thing>(all: ReadonlyMap<string, Thing>, id: string): Thing {
  const thing = all.get(id);
  if (thing === undefined) throw new Error(`there is no ${id}`);
  return thing;
}

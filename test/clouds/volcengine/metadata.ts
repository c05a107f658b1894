// The metadata service as one instance sees it: documented and older paths, tokens, role credentials, and lateness.

import { randomBytes } from "node:crypto";
import {
  type Answer,
  type Exchange,
  type HttpServer,
  type Place,
  startHttpServer,
} from "#test/clouds/shared/http-server.ts";
import { iso } from "./call.ts";
import { Countdown } from "./lag.ts";
import type { EniView, Instance, Region } from "./region.ts";
import type { Credential, Settings } from "./scenario.ts";

/** What the metadata is read from. */
export interface MetadataSource {
  readonly settings: Settings;
  readonly credentials: readonly Credential[];
  readonly regions: ReadonlyMap<string, Region>;
  now(): number;
  gatewayNow(): number;
  audit(): unknown;
}

const TTL_HEADER = "x-volc-ecs-metadata-token-ttl-seconds";
const TOKEN_HEADER = "x-volc-ecs-metadata-token";
const MAX_TTL_SECONDS = 21_600;
/** Where role credentials lie. */
const ROLE_ROOT = "/volcstack/latest/iam/security_credentials";

const text = (body: string, status = 200): Answer => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body,
});
const notFound = text("404 Not Found", 404);

export function startMetadata(
  source: MetadataSource,
  instanceId: string,
  place: Place,
): Promise<HttpServer> {
  const service = new MetadataService(source, instanceId);
  return startHttpServer(place, (exchange) => Promise.resolve(service.answer(exchange)));
}

class MetadataService {
  readonly #source: MetadataSource;
  readonly #instanceId: string;
  /** Tokens and when each ends, in milliseconds of the fake's clock. */
  readonly #tokens = new Map<string, number>();
  /** What the list of interfaces shows, and how much longer when it is old. */
  #shown: readonly EniView[];
  #late: Countdown | undefined;

  constructor(source: MetadataSource, instanceId: string) {
    this.#source = source;
    this.#instanceId = instanceId;
    this.#shown = this.#enis();
  }

  answer(exchange: Exchange): Answer {
    const { metadataTokens } = this.#source.settings;
    const path = exchange.url.pathname.replace(/(?<=.)\/+$/, "");
    if (path === "/latest/api/token") return this.#token(exchange);
    if (exchange.method !== "GET") return text("405 Method Not Allowed", 405);
    const token = exchange.headers[TOKEN_HEADER];
    const valid = token !== undefined && (this.#tokens.get(token) ?? 0) > this.#source.now();
    if (metadataTokens === "enforced" ? !valid : token !== undefined && !valid)
      return text("401 Unauthorized", 401);
    if (path === ROLE_ROOT || path.startsWith(`${ROLE_ROOT}/`))
      return this.#role(path.slice(ROLE_ROOT.length + 1), exchange);
    const found = this.#item(path.toLowerCase());
    return found === undefined ? notFound : text(found);
  }

  #token({ method, headers }: Exchange): Answer {
    if (this.#source.settings.metadataTokens === "none") return notFound;
    if (method !== "PUT") return text("405 Method Not Allowed", 405);
    const seconds = Number(headers[TTL_HEADER]);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TTL_SECONDS)
      return text("400 Bad Request", 400);
    const token = randomBytes(24).toString("base64url");
    this.#tokens.set(token, this.#source.now() + seconds * 1000);
    return text(token);
  }

  #item(path: string): string | undefined {
    const { metadataPaths } = this.#source.settings;
    const here = this.#here();
    if (here === undefined) return undefined;
    const older = /^\/latest\/meta-data\/(.+)$/.exec(path)?.[1];
    if (older !== undefined)
      return metadataPaths === "documented"
        ? undefined
        : olderItem(here.instance, here.primary, older);
    const item = /^(?:\/volcstack)?\/latest\/(.+)$/.exec(path)?.[1];
    if (item === undefined || metadataPaths === "legacy") return undefined;
    if (item === "network/interfaces/macs" || item.startsWith("network/interfaces/macs/"))
      return this.#interface(here.region, item.split("/").slice(3));
    return instanceItem(here.region, here.instance, here.primary, item);
  }

  #here(): { region: Region; instance: Instance; primary: EniView | undefined } | undefined {
    for (const region of this.#source.regions.values()) {
      const instance = region.instances.get(this.#instanceId);
      if (instance === undefined) continue;
      const enis = region.enisOf(instance.id).map(({ view }) => view);
      return { region, instance, primary: enis.find(({ type }) => type === "primary") };
    }
    return undefined;
  }

  /** Attached interfaces as they are. */
  #enis(): readonly EniView[] {
    const { region } = this.#here() ?? {};
    return (region?.enisOf(this.#instanceId) ?? [])
      .map(({ view }) => view)
      .filter(({ status }) => status === "InUse");
  }

  /** Attached interfaces as shown. Only reading the list is a look. */
  #seen(isLook: boolean): readonly EniView[] {
    this.#source.audit();
    const [now, enis] = [this.#source.now(), this.#enis()];
    const attached = this.#here()?.region.enisOf(this.#instanceId) ?? [];
    if (isLook) for (const { next } of attached) next?.countdown.look(now);
    if (fingerprint(enis) !== fingerprint(this.#shown)) {
      this.#late ??= new Countdown(this.#source.settings.metadata, now);
      if (isLook ? this.#late.look(now) : !this.#late.over(now)) return this.#shown;
    }
    this.#late = undefined;
    this.#shown = enis;
    return enis;
  }

  #interface(region: Region, [mac, item, ...rest]: readonly string[]): string | undefined {
    const enis = this.#seen(mac === undefined);
    const { instance } = this.#here() ?? {};
    if (mac === undefined)
      return [...enis.map((view) => view.mac), ...(instance?.strangeMacs ?? [])]
        .map((one) => `${one}\n`)
        .join("");
    const view = enis.find((one) => one.mac.toLowerCase() === mac);
    if (view === undefined || item === undefined || rest.length > 0) return undefined;
    const subnet = region.subnets.get(view.subnetId);
    if (subnet === undefined) return undefined;
    const gateway = cidrGateway(subnet.cidr);
    const items: Readonly<Record<string, string>> = {
      network_interface_id: view.id,
      primary_ip_address: view.primaryIp,
      private_ipv4s: view.secondaryIps.map((address) => `${address}\n`).join(""),
      gateway,
      subnet_id: subnet.id,
      subnet_cidr_block: subnet.cidr,
      network_info: JSON.stringify({
        NetworkInterfaceId: view.id,
        PrimaryIpAddress: view.primaryIp,
        Gateway: gateway,
        SubnetId: subnet.id,
        SubnetCidrBlock: subnet.cidr,
        PrivateIpv4s: view.secondaryIps,
      }),
    };
    return items[item];
  }

  #role(name: string, exchange: Exchange): Answer {
    const roles = this.#source.credentials.filter(({ role }) => role !== undefined);
    if (roles.length === 0) return notFound;
    if (name === "") {
      const names = roles.map(({ role }) => role ?? "");
      return exchange.url.searchParams.get("format") === "json"
        ? text(JSON.stringify(names))
        : text(names.map((one) => `${one}\n`).join(""));
    }
    const credential = roles.find(({ role }) => role === name);
    if (credential === undefined) return notFound;
    return text(
      JSON.stringify({
        AccessKeyId: credential.accessKeyId,
        SecretAccessKey: credential.secretKey,
        SessionToken: credential.sessionToken ?? "",
        CurrentTime: iso(this.#source.gatewayNow()),
        ExpiredTime: credential.expiresAt ?? "",
      }),
    );
  }
}

const fingerprint = (enis: readonly EniView[]): string =>
  JSON.stringify(enis.map(({ id, primaryIp, secondaryIps }) => [id, primaryIp, secondaryIps]));

function instanceItem(
  region: Region,
  instance: Instance,
  primary: EniView | undefined,
  item: string,
): string | undefined {
  const items: Readonly<Record<string, string | undefined>> = {
    instance_id: instance.id,
    instance_type_id: instance.typeId,
    hostname: instance.name,
    uuid: instance.id.slice(2),
    mac: primary?.mac,
    region_id: region.id,
    availability_zone: instance.zoneId,
    vpc_id: instance.vpcId,
    vpc_cidr_block: region.vpcs.get(instance.vpcId)?.cidr,
    eip_address: "",
    owner_account_id: instance.account,
  };
  return items[item];
}

/** Not documented, but read by public scripts. */
function olderItem(
  instance: Instance,
  primary: EniView | undefined,
  item: string,
): string | undefined {
  const items: Readonly<Record<string, string | undefined>> = {
    "instance-id": instance.id,
    "vpc-id": instance.vpcId,
    "placement/availability-zone": instance.zoneId,
    "public-ipv4": "",
    "local-ipv4": primary?.primaryIp,
  };
  return items[item];
}

/** The first address after the network's. */
function cidrGateway(cidr: string): string {
  const octets = (cidr.split("/")[0] ?? "").split(".").map(Number);
  return octets.with(3, (octets[3] ?? 0) + 1).join(".");
}

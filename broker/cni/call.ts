// From the wire's body to a checked CNI call, or to the error that libcni's skeleton would have given. Pure.

import type { Ip, Mac } from "#core/address.ts";
import type { NamespaceIdentity } from "#core/lease.ts";
import type { Stamp } from "#core/time.ts";
import * as z from "zod/mini";
import { type CniArgs, parseCniArgs } from "./cni-args.ts";
import { requestedAddresses, requestedMac, stickyName } from "./asked.ts";
import { environmentFailure } from "./environment.ts";
import { CniFailure, cniCodes, failure } from "./failure.ts";
import { type ValidList, validAttachments } from "./gc-list.ts";
import {
  type Netconf,
  type RawConf,
  describeIssue,
  networkOf,
  parseJsonObject,
  parseNetconf,
  versionOf,
} from "./netconf.ts";
import { ABSENT_VERSION, type CniVersion, NEWEST_VERSION, isAtLeast } from "./version.ts";

/** Longest environment value that is kept: PATH_MAX of Linux. */
const MAX_NETNS_PATH = 4096;

const identitySchema = z.object({
  dev: z.string().check(z.regex(/^[0-9]{1,20}$/)),
  ino: z.string().check(z.regex(/^[0-9]{1,20}$/)),
});
const bodySchema = z.object({
  version: z.string().check(z.maxLength(64)),
  env: z.record(z.string(), z.string()),
  stdin: z.string(),
  stamp: z.object({
    bootId: z.string().check(z.regex(/^[0-9a-fA-F-]{0,64}$/)),
    boottime: z.string().check(z.regex(/^[0-9]{1,20}$/)),
  }),
  netns: z.optional(identitySchema),
  ownNetns: z.optional(identitySchema),
});
type Body = z.infer<typeof bodySchema>;

interface Interface {
  readonly version: CniVersion;
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}
export interface AddCall extends Interface {
  readonly verb: "ADD";
  readonly stamp: Stamp;
  readonly netns: string;
  readonly identity?: NamespaceIdentity;
  readonly conf: Netconf;
  readonly args: CniArgs;
  readonly requested: readonly Ip[];
  readonly mac?: Mac;
  readonly sticky?: string;
}
export interface CheckCall extends Interface {
  readonly verb: "CHECK";
  readonly conf: Netconf;
  /** As the runtime sent it; read by CHECK alone, so that nothing else depends on it. */
  readonly prevResult: unknown;
}
/** `network` is empty where the conf does not tell it. */
export interface DelCall extends Interface {
  readonly verb: "DEL";
  readonly stamp: Stamp;
}
export interface GcCall {
  readonly verb: "GC";
  readonly version: CniVersion;
  readonly network: string;
  readonly stamp: Stamp;
  readonly valid: ValidList;
}
export interface StatusCall {
  readonly verb: "STATUS";
  readonly version: CniVersion;
  readonly network: string;
  readonly conf: Netconf;
}
export type CniCall = AddCall | CheckCall | DelCall | GcCall | StatusCall;

/** A call that can be made, or the failure to answer in the given version. */
export type ReadCall =
  | CniCall
  | { readonly verb: "refused"; readonly version: CniVersion; readonly failure: CniFailure };

/**
 * Reads the body of `POST /v1/cni`, whatever it is. `thisBoot` is the boot of a caller that waits for the answer: its stamp
 * is of this boot even where it could not read the boot's name. A stamp that was kept for later says nothing without one.
 */
export function readCall(value: unknown, thisBoot = ""): ReadCall {
  const parsed = bodySchema.safeParse(value);
  if (!parsed.success) {
    const details = describeIssue(parsed.error.issues[0]);
    return refuse(
      NEWEST_VERSION,
      failure(cniCodes.invalidEnvironment, "the call is not one of the CNI plugin's", details),
    );
  }
  const body = { ...parsed.data, stamp: namedStamp(parsed.data.stamp, thisBoot) };
  const containerId = (body.env["CNI_CONTAINERID"] ?? "").trim();
  const conf = parseJsonObject(body.stdin);
  const version = conf instanceof CniFailure ? ABSENT_VERSION : versionOf(conf);
  const told =
    conf instanceof CniFailure || version instanceof CniFailure ? NEWEST_VERSION : version;
  const wrong = environmentFailure(body.env, containerId);
  if (wrong !== undefined) return refuse(told, wrong);
  if (body.env["CNI_COMMAND"] === "DEL") return delCall(body, containerId, conf, told);
  if (conf instanceof CniFailure) return refuse(told, conf);
  const network = networkOf(conf);
  if (network instanceof CniFailure) return refuse(told, network);
  if (version instanceof CniFailure) return refuse(told, version);
  const known = { version, network, containerId, ifname: body.env["CNI_IFNAME"] ?? "" };
  const call = verbCall(body, known, conf);
  return call instanceof CniFailure ? refuse(version, call) : call;
}

const namedStamp = (stamp: Stamp, thisBoot: string): Stamp =>
  stamp.bootId === "" ? { ...stamp, bootId: thisBoot } : stamp;

const refuse = (version: CniVersion, why: CniFailure): ReadCall => ({
  verb: "refused",
  version,
  failure: why,
});

/** A release depends on nothing but container and interface: a broken, changed or missing conf must not stop it. */
function delCall(
  body: Body,
  containerId: string,
  conf: RawConf | CniFailure,
  version: CniVersion,
): DelCall {
  const network = conf instanceof CniFailure ? "" : networkOf(conf);
  const ifname = body.env["CNI_IFNAME"] ?? "";
  return {
    verb: "DEL",
    version,
    network: network instanceof CniFailure ? "" : network,
    containerId,
    ifname,
    stamp: body.stamp,
  };
}

function verbCall(body: Body, known: Interface, conf: RawConf): CniCall | CniFailure {
  const { version, network } = known;
  switch (body.env["CNI_COMMAND"]) {
    case "ADD":
      return addCall(body, known, conf);
    case "CHECK": {
      if (!isAtLeast(version, "0.4.0")) return notAllowed("CHECK");
      const netconf = parseNetconf(conf);
      return netconf instanceof CniFailure
        ? netconf
        : { verb: "CHECK", ...known, conf: netconf, prevResult: conf["prevResult"] };
    }
    case "GC": {
      if (!isAtLeast(version, "1.1.0")) return notAllowed("GC");
      const valid = validAttachments(conf);
      return valid instanceof CniFailure
        ? valid
        : { verb: "GC", version, network, stamp: body.stamp, valid };
    }
    case "STATUS": {
      if (!isAtLeast(version, "1.1.0")) return notAllowed("STATUS");
      const netconf = parseNetconf(conf);
      return netconf instanceof CniFailure
        ? netconf
        : { verb: "STATUS", version, network, conf: netconf };
    }
    default:
      return failure(
        cniCodes.invalidEnvironment,
        `unknown CNI_COMMAND: ${body.env["CNI_COMMAND"]}`,
      );
  }
}

function addCall(body: Body, known: Interface, raw: RawConf): AddCall | CniFailure {
  const netns = body.env["CNI_NETNS"] ?? "";
  if (netns.length > MAX_NETNS_PATH)
    return failure(
      cniCodes.invalidEnvironment,
      "CNI_NETNS is too long",
      `at most ${MAX_NETNS_PATH} characters`,
    );
  if (isOwnNamespace(body)) {
    return failure(
      cniCodes.invalidNamespace,
      "plugin's netns and netns from CNI_NETNS should not be the same",
      netns,
    );
  }
  const conf = parseNetconf(raw);
  if (conf instanceof CniFailure) return conf;
  const args = parseCniArgs(body.env["CNI_ARGS"] ?? "");
  if (args instanceof CniFailure) return args;
  const requested = requestedAddresses(conf, args);
  if (requested instanceof CniFailure) return requested;
  const mac = requestedMac(conf, args);
  if (mac instanceof CniFailure) return mac;
  const sticky = stickyName(conf, args, known.containerId);
  if (sticky instanceof CniFailure) return sticky;
  return {
    verb: "ADD",
    ...known,
    stamp: body.stamp,
    netns,
    conf,
    args,
    requested,
    ...(body.netns === undefined ? {} : { identity: body.netns }),
    ...(mac === undefined ? {} : { mac }),
    ...(sticky === undefined ? {} : { sticky: `${sticky} (${known.network} ${known.ifname})` }),
  };
}

function isOwnNamespace({ env, netns, ownNetns }: Body): boolean {
  const override = (env["CNI_NETNS_OVERRIDE"] ?? "").toUpperCase();
  if (override === "1" || override === "TRUE" || netns === undefined || ownNetns === undefined)
    return false;
  return netns.dev === ownNetns.dev && netns.ino === ownNetns.ino;
}

const notAllowed = (verb: string): CniFailure =>
  failure(cniCodes.incompatibleVersion, `config version does not allow ${verb}`);

// Version 1 of the stored records: checks each part of what JSON gave and builds the record anew from the parts it knows.

import { type Ip, type Mac, parseIp, parseMac } from "#core/address.ts";
import type {
  Attachment,
  GuestDetails,
  Lease,
  LeaseState,
  NamespaceIdentity,
  Owner,
  OwnerKey,
} from "#core/lease.ts";
import type { LedgerRecord } from "#core/record.ts";
import type { Stamp } from "#core/time.ts";

/** The record, or `undefined` when `value` is none. */
export function readRecordVersion1(value: unknown): LedgerRecord | undefined {
  try {
    return readRecord(object(value));
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** Leaves the nested readers at the first part that is not as it must be; never leaves this file. */
class Malformed extends Error {}

type Fields = Readonly<Record<string, unknown>>;
const ownerKinds = ["container", "guest", "found"];
const leaseStates: readonly LeaseState[] = ["leased", "cooling", "quarantined"];
const metaNames = ["sequence", "mirror", "boot"] as const;

function readRecord(fields: Fields): LedgerRecord {
  switch (fields["kind"]) {
    case "lease":
      return { kind: "lease", lease: readLease(object(fields["lease"])) };
    case "tombstone": {
      const part = object(fields["tombstone"]);
      const stamp = readStamp(object(part["stamp"]));
      return {
        kind: "tombstone",
        tombstone: { key: readOwnerKey(part["key"]), stamp, until: number(part["until"]) },
      };
    }
    case "affinity": {
      const part = object(fields["affinity"]);
      return {
        kind: "affinity",
        affinity: { mac: mac(part["mac"]), ip: ip(part["ip"]), at: number(part["at"]) },
      };
    }
    case "cursor": {
      const part = object(fields["cursor"]);
      return { kind: "cursor", cursor: { name: text(part["name"]), ip: ip(part["ip"]) } };
    }
    case "meta": {
      const part = object(fields["meta"]);
      return {
        kind: "meta",
        meta: { name: oneOf(part["name"], metaNames), value: text(part["value"]) },
      };
    }
    default:
      throw new Malformed();
  }
}

function readLease(fields: Fields): Lease {
  return {
    ip: ip(fields["ip"]),
    pool: text(fields["pool"]),
    state: oneOf(fields["state"], leaseStates),
    ...optional("owner", fields["owner"], (value) => readOwner(object(value))),
    sequence: number(fields["sequence"]),
    since: number(fields["since"]),
    ...optional("until", fields["until"], number),
    ...optional("provisional", fields["provisional"], (value) => oneOf(value, [true] as const)),
    ...optional("set", fields["set"], number),
    ...optional("mac", fields["mac"], mac),
    ...optional("sticky", fields["sticky"], text),
    ...optional("attachment", fields["attachment"], (value) => readAttachment(object(value))),
    ...optional("guest", fields["guest"], (value) => readGuestDetails(object(value))),
    routed: oneOf(fields["routed"], [true, false] as const),
  };
}

function readOwner(fields: Fields): Owner {
  switch (fields["kind"]) {
    case "container":
      return {
        kind: "container",
        network: text(fields["network"]),
        containerId: text(fields["containerId"]),
        ifname: text(fields["ifname"]),
      };
    case "guest":
      return { kind: "guest", mac: mac(fields["mac"]) };
    case "found":
      return { kind: "found", evidence: text(fields["evidence"]) };
    default:
      throw new Malformed();
  }
}

function readAttachment(fields: Fields): Attachment {
  return {
    netns: text(fields["netns"]),
    ...optional("identity", fields["identity"], (value) => readIdentity(object(value))),
    stamp: readStamp(object(fields["stamp"])),
    ...optional("podNamespace", fields["podNamespace"], text),
    ...optional("podName", fields["podName"], text),
    ...optional("podUid", fields["podUid"], text),
  };
}

function readIdentity(fields: Fields): NamespaceIdentity {
  return { dev: text(fields["dev"]), ino: text(fields["ino"]) };
}

function readGuestDetails(fields: Fields): GuestDetails {
  return {
    ...optional("hostname", fields["hostname"], text),
    ...optional("clientId", fields["clientId"], text),
  };
}

/** `boottime` is compared as an integer: anything but decimal digits would throw far from here. */
function readStamp(fields: Fields): Stamp {
  const boottime = text(fields["boottime"]);
  if (!/^[0-9]{1,20}$/.test(boottime)) throw new Malformed();
  return { bootId: text(fields["bootId"]), boottime };
}

function readOwnerKey(value: unknown): OwnerKey {
  const key = text(value);
  if (!ownerKinds.includes(key.slice(0, key.indexOf(" ")))) throw new Malformed();
  return key as OwnerKey;
}

function object(value: unknown): Fields {
  if (!isFields(value)) throw new Malformed();
  return value;
}

/** What JSON gives for an object; its fields are checked one by one when they are read. */
function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Malformed();
  return value;
}

function number(value: unknown): number {
  if (typeof value !== "number") throw new Malformed();
  return value;
}

function ip(value: unknown): Ip {
  const parsed = parseIp(text(value));
  if (parsed === undefined) throw new Malformed();
  return parsed;
}

function mac(value: unknown): Mac {
  const parsed = parseMac(text(value));
  if (parsed === undefined) throw new Malformed();
  return parsed;
}

function oneOf<Value>(value: unknown, allowed: readonly Value[]): Value {
  for (const candidate of allowed) if (candidate === value) return candidate;
  throw new Malformed();
}

/** The field under its name when it is there; a record with an absent part has no key for it. */
function optional<Name extends string, Value>(
  name: Name,
  value: unknown,
  read: (value: unknown) => Value,
): { readonly [Key in Name]?: Value } {
  if (value === undefined) return {};
  const fields: { [Key in Name]?: Value } = {};
  fields[name] = read(value);
  return fields;
}

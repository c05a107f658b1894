// Version 1 of the stored records: checks each part of what JSON gave and builds the record anew from the parts it knows.

import type {
  Attachment,
  GuestDetails,
  Lease,
  NamespaceIdentity,
  Owner,
  OwnerKey,
} from "#core/lease.ts";
import type { LedgerRecord } from "#core/record.ts";
import type { Stamp } from "#core/time.ts";
import {
  boottime,
  ip,
  leaseStates,
  mac,
  number,
  oneOf,
  refuse,
  text,
  total,
} from "./record-part.ts";

/** The record, or `undefined` when `value` is none. */
export function readRecordVersion1(value: unknown): LedgerRecord | undefined {
  return total(() => readRecord(object(value)));
}

type Fields = Readonly<Record<string, unknown>>;
const ownerKinds = ["container", "guest", "found"];
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
      return refuse();
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
      return refuse();
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

function readStamp(fields: Fields): Stamp {
  return { bootId: text(fields["bootId"]), boottime: boottime(fields["boottime"]) };
}

function readOwnerKey(value: unknown): OwnerKey {
  const key = text(value);
  if (!ownerKinds.includes(key.slice(0, key.indexOf(" ")))) refuse();
  return key as OwnerKey;
}

function object(value: unknown): Fields {
  return isFields(value) ? value : refuse();
}

/** What JSON gives for an object; its fields are checked one by one when they are read. */
function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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

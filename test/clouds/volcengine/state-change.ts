// What happens to the cloud without the caller: other tools, other accounts, time, and the cloud's own moods.

import { z } from "zod";
import type { Region } from "./region.ts";
import { parseCredential, parseEni, parsePermission, parseSettings } from "./scenario.ts";
import type { Credential, Settings } from "./scenario.ts";

const inRegion = { region: z.string().optional() };

/** `region` may be left out: the first one is meant. */
const schema = z.discriminatedUnion("kind", [
  /** Moves the fake's time (lags, token buckets), in milliseconds. */
  z.strictObject({ kind: z.literal("advance"), ms: z.number() }),
  /** Sets how far the gateway's clock is from the machine's, in milliseconds. */
  z.strictObject({ kind: z.literal("skew"), ms: z.number() }),
  /** Replaces some of the settings. */
  z.strictObject({ kind: z.literal("settings"), settings: z.record(z.string(), z.unknown()) }),
  /** Adds a key or replaces the one of the same id. */
  z.strictObject({ kind: z.literal("credential"), credential: z.unknown() }),
  z.strictObject({ kind: z.literal("remove-credential"), accessKeyId: z.string() }),
  /** Another tool makes an interface, or takes one away. */
  z.strictObject({ kind: z.literal("add-eni"), eni: z.unknown(), ...inRegion }),
  z.strictObject({ kind: z.literal("remove-eni"), id: z.string(), ...inRegion }),
  z.strictObject({
    kind: z.literal("instance-status"),
    id: z.string(),
    status: z.string(),
    ...inRegion,
  }),
  /** The instance is gone; its interfaces are deleted or become Available as they say. */
  z.strictObject({ kind: z.literal("terminate"), id: z.string(), ...inRegion }),
  z.strictObject({
    kind: z.literal("security-group"),
    id: z.string(),
    ipQuota: z.int().optional(),
    permissions: z.array(z.unknown()).optional(),
    ...inRegion,
  }),
  /** Addresses that something else holds from now on; all others are as free as interfaces leave them. */
  z.strictObject({
    kind: z.literal("take-addresses"),
    subnet: z.string(),
    addresses: z.array(z.string()),
    ...inRegion,
  }),
]);
export type StateChange = z.infer<typeof schema>;

/** What a change may reach. */
export interface Changeable {
  settings: Settings;
  credentials: readonly Credential[];
  regionNamed(id: string | undefined): Region;
  advance(ms: number): void;
  setSkew(ms: number): void;
}

/** Throws with what is wrong in the request. */
export function applyChange(fake: Changeable, request: unknown): void {
  const change = schema.parse(request);
  switch (change.kind) {
    case "advance":
      return fake.advance(change.ms);
    case "skew":
      return fake.setSkew(change.ms);
    case "settings":
      fake.settings = parseSettings({ ...fake.settings, ...change.settings });
      return;
    case "credential": {
      const added = parseCredential(change.credential);
      fake.credentials = [...without(fake.credentials, added.accessKeyId), added];
      return;
    }
    case "remove-credential":
      fake.credentials = without(fake.credentials, change.accessKeyId);
      return;
    default:
      applyToRegion(fake.regionNamed(change.region), change);
  }
}

const without = (all: readonly Credential[], accessKeyId: string): readonly Credential[] =>
  all.filter((one) => one.accessKeyId !== accessKeyId);

type RegionChange = Exclude<
  StateChange,
  { kind: "advance" | "skew" | "settings" | "credential" | "remove-credential" }
>;

function applyToRegion(region: Region, change: RegionChange): void {
  switch (change.kind) {
    case "add-eni":
      region.addEni(parseEni(change.eni));
      return;
    case "remove-eni":
      if (!region.enis.delete(change.id)) throw new Error(`there is no ${change.id}`);
      return;
    case "instance-status":
      found(region.instances, change.id).status = change.status;
      return;
    case "terminate": {
      found(region.instances, change.id);
      region.instances.delete(change.id);
      for (const eni of region.enisOf(change.id)) {
        delete eni.next;
        if (eni.view.type === "primary" || eni.view.deleteOnTermination)
          region.enis.delete(eni.view.id);
        else eni.view = { ...eni.view, status: "Available", instanceId: "" };
      }
      return;
    }
    case "security-group": {
      const group = found(region.securityGroups, change.id);
      if (change.ipQuota !== undefined) group.ipQuota = change.ipQuota;
      if (change.permissions !== undefined)
        group.permissions = change.permissions.map(parsePermission);
      return;
    }
    case "take-addresses":
      found(region.subnets, change.subnet).taken = change.addresses;
      return;
    default:
      change satisfies never;
  }
}

function found<Thing>(all: ReadonlyMap<string, Thing>, id: string): Thing {
  const thing = all.get(id);
  if (thing === undefined) throw new Error(`there is no ${id}`);
  return thing;
}

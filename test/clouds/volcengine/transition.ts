// What the cloud does by itself once its lags are over: interfaces come and go, subnets and VPCs get ready.

import type { VolcengineChange } from "./call.ts";
import { Countdown } from "./lag.ts";
import type { Eni, Region } from "./region.ts";
import type { Settings } from "./scenario.ts";

/** Applies all that is due. Called before each call is served, and when time is moved. */
export function settle(
  region: Region,
  settings: Settings,
  now: number,
  emit: (change: VolcengineChange) => void,
): void {
  for (const eni of region.enis.values())
    if (eni.next?.countdown.over(now) === true) advance(region, settings, now, emit, eni);
  for (const vpc of region.vpcs.values()) {
    if (vpc.next?.over(now) !== true) continue;
    delete vpc.next;
    vpc.status = "Available";
  }
  for (const subnet of region.subnets.values()) {
    const { next } = subnet;
    if (next?.countdown.over(now) !== true) continue;
    delete subnet.next;
    if (next.status === "gone") region.subnets.delete(subnet.id);
    else subnet.status = next.status;
  }
}

function advance(
  region: Region,
  settings: Settings,
  now: number,
  emit: (change: VolcengineChange) => void,
  eni: Eni,
): void {
  const { view, next } = eni;
  delete eni.next;
  if (next === undefined) return;
  if (view.status === "Deleting") {
    region.enis.delete(view.id);
    const subnet = region.subnets.get(view.subnetId);
    if (subnet !== undefined) subnet.release = new Countdown(settings.subnetRelease, now);
    return;
  }
  const left = view.status === "Detaching";
  eni.view = { ...view, status: next.status, ...(left ? { instanceId: "" } : {}) };
  if (left) emit(changeOf(region, "detach", eni, view.instanceId));
  if (view.status === "Attaching") emit(changeOf(region, "attach", eni, view.instanceId));
}

const changeOf = (
  region: Region,
  kind: VolcengineChange["kind"],
  { view }: Eni,
  instance: string,
): VolcengineChange => ({
  kind,
  region: region.id,
  eni: view.id,
  mac: view.mac,
  instance,
  primaryIp: view.primaryIp,
  secondaryIps: view.secondaryIps,
  subnetId: view.subnetId,
});

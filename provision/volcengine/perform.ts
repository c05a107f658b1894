// Makes one step of a plan: finds what it is by its work, and hands it to whoever does that.

import { BrokerError } from "#core/errors.ts";
import type { CloudStep, Run, StepOutcome } from "#provision/cloud.ts";
import type { Api } from "./api.ts";
import type { Host } from "./host.ts";
import { keepAway, makeLinkReady, removeFile } from "./keep-away.ts";
import { assign, attach, makeInterface } from "./make-interface.ts";
import { makeSubnet, openIngress, removeSubnet, waitForSubnet } from "./make-subnet.ts";
import { detach, remove } from "./remove-interface.ts";
import { checkAlone } from "./shared-subnet.ts";
import { workOf } from "./work.ts";

export async function perform(
  api: Api,
  host: Host,
  step: CloudStep,
  run: Run,
): Promise<StepOutcome> {
  const work = workOf(step);
  switch (work?.kind) {
    case "create-subnet":
      return makeSubnet(api, work, run);
    case "wait-subnet":
      return waitForSubnet(api, work, run);
    case "check-subnet":
      return checkAlone(api, work, run);
    case "authorize-ingress":
      return openIngress(api, work, run);
    case "create-eni":
      return makeInterface(api, work, run);
    case "assign":
      return assign(api, work, run);
    case "keep-away":
      return keepAway(host, work, run);
    case "attach-eni":
      return attach(api, host, work, run);
    case "link":
      return makeLinkReady(host, api.timing, work, run);
    case "detach-eni":
      return detach(api, work, run);
    case "delete-eni":
      return remove(api, work, run);
    case "remove-file":
      return removeFile(host, work, run);
    case "delete-subnet":
      return removeSubnet(api, work, run);
    case undefined:
      throw new BrokerError("internal", `step ${step.id} is not one of Volcengine's plans`);
    default:
      return work satisfies never;
  }
}

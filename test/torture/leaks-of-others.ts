// How addresses leaked, or were freed under the living, when calls were lost, late or repeated elsewhere: rows 1 to 9.

import { type FailureOfOthers, run, shown } from "./failure-of-others.ts";

export const leaksOfOthers: readonly FailureOfOthers[] = [
  {
    row: 1,
    what: "A reboot leaks every address",
    reports: "plugins#697, #252, #332; k3s#5885",
    shown: [
      ...shown(
        "broker/take-up.test.ts",
        "after a reboot the containers' addresses are back before anything is served",
      ),
      ...shown(
        "core/reboot.test.ts",
        "every container of an earlier boot is released, and nobody else",
      ),
      ...run,
    ],
  },
  {
    row: 2,
    what: "A reservation without an owner is never freed",
    reports: "plugins#498",
    shown: [
      ...shown("crash/plugin-killed.test.ts", "keeps its word after"),
      ...shown("stores/durability.test.ts", "%s: whatever was acknowledged is there"),
      ...shown(
        "broker/reconciler.test.ts",
        "an unconfirmed lease whose namespace is gone twice is freed",
      ),
      ...run,
    ],
  },
  {
    row: 3,
    what: "A DEL that is never sent leaks its address",
    reports: "containerd#12923",
    shown: [
      ...shown(
        "faults/lost-del.test.ts",
        "gives a dead container's address back, tells what it found and counts it",
      ),
      ...shown(
        "broker/reconciler.test.ts",
        "a confirmed lease of this boot whose container is gone is freed without any DEL",
      ),
      ...run,
    ],
  },
  {
    row: 4,
    what: "A broken plugin in the chain leaks an address at each retry",
    reports: "containerd#12130",
    shown: [
      ...shown(
        "system/lost-del.test.ts",
        "an older sandbox whose DEL was never called is released once the newer one of the pod is up",
      ),
      ...shown(
        "broker/reconciler.test.ts",
        "an older sandbox of the same pod is released when the newer one is up, and only then",
      ),
    ],
  },
  {
    row: 5,
    what: "DEL fails while the daemon is down, and the node is stuck",
    reports: "amazon-vpc-cni-k8s#2487",
    shown: [
      ...shown(
        "e2e/runtime.test.ts",
        "DEL while the broker is down succeeds, waits in the spool, and frees once it is back",
      ),
      ...shown("plugin/spool.test.ts", "file and folder are synced before the success"),
      ...run,
    ],
  },
  {
    row: 6,
    what: "DEL overtakes an ADD: memory and disk tell two stories",
    reports: "azure-container-networking#4829",
    shown: [
      ...shown(
        "core/attach.test.ts",
        "DEL, DEL, ADD of the same ID succeeds; the ADD that began before the DEL does not",
      ),
      ...shown(
        "core/attach-order.test.ts",
        "a DEL whose conf could not be read refuses the ADD that began before it, whatever its network",
        "a repeated ADD that comes late does not take the newer one's stamp away: a DEL between the two frees nothing",
      ),
      ...run,
    ],
  },
  {
    row: 7,
    what: "A killed ADD leaks; a timer against that frees living addresses",
    reports: "cilium#9854, #10207",
    shown: [
      ...shown("crash/plugin-killed.test.ts", "keeps its word after"),
      ...shown(
        "broker/reconciler.test.ts",
        "an unconfirmed lease is kept for its grace, however often its namespace is missed",
      ),
      ...run,
    ],
  },
  {
    row: 8,
    what: "A reconciler frees the address of a new pod with an old name",
    reports: "whereabouts#176, #207",
    shown: shown(
      "broker/reconciler.test.ts",
      "pods of the same name are never taken for one another",
      "an address that was given to another holder meanwhile is not taken from it",
    ),
  },
  {
    row: 9,
    what: "GC meets a pod that comes back, and two hold one address",
    reports: "spiderpool#2526",
    shown: shown(
      "core/gc.test.ts",
      "a list made before a pod of the same name came back leaves the new pod its address",
      "released are exactly those of the network that began before the call and are not listed",
    ),
  },
];

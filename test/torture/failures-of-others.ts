// Ways in which address managers of nodes have failed their users, and the tests that show that ours does not.

export interface Shown {
  readonly file: string;
  /** Of the test, as its file words it. */
  readonly name: string;
}

export interface FailureOfOthers {
  /** Its number in the collection of reports that issue and spec refer to. */
  readonly row: number;
  readonly what: string;
  readonly reports: string;
  /** None: nothing shows it yet. */
  readonly shown: readonly Shown[];
  /** What the tests leave open, if anything. */
  readonly open?: string;
}

const shown = (file: string, ...names: readonly string[]): Shown[] =>
  names.map((name) => ({ file: `test/${file}`, name }));

const run = shown("torture/in-process.test.ts", "keeps every promise over");

export const failuresOfOthers: readonly FailureOfOthers[] = [
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
    shown: shown("crash/plugin-killed.test.ts", "keeps its word after"),
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
    shown: shown(
      "broker/reconciler.test.ts",
      "an older sandbox of the same pod is released when the newer one is up, and only then",
    ),
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
    ),
  },
  {
    row: 13,
    what: "Large pools make every ADD slow",
    reports: "spiderpool#3541",
    shown: [],
    open: "measured, not tested: bench/ holds a call against 65,536 leases; no test fails on it",
  },
  {
    row: 14,
    what: "One family is given, the other fails, the first leaks",
    reports: "calico cni-plugin#908, spiderpool#4295",
    shown: [
      ...shown(
        "core/attach.test.ts",
        "all families or none: a full second set leaves nothing behind",
      ),
      ...run,
    ],
  },
  {
    row: 15,
    what: "A DHCP daemon forgets its leases at a restart",
    reports: "plugins#235, #767",
    shown: [
      ...shown(
        "e2e/guests.test.ts",
        "keeps its address when broker and client are killed and started again",
      ),
      ...run,
    ],
  },
  {
    row: 16,
    what: "A stale socket keeps the daemon from starting",
    reports: "plugins#760, rke2#10423",
    shown: shown(
      "faults/others.test.ts",
      "starts over a dead broker's socket, lock and unfinished files",
    ),
  },
  {
    row: 17,
    what: "A container that is started again is refused as a duplicate",
    reports: "nerdctl#665, podman#18753",
    shown: shown(
      "core/reboot.test.ts",
      "a container that the runtime starts again under its old ID gets an address",
    ),
  },
  {
    row: 18,
    what: "An address is given again too soon, at the latest after a restart",
    reports: "amazon-vpc-cni-k8s#3634, #1127",
    shown: [
      ...shown(
        "core/cooling-order.test.ts",
        "an address cools for 130 s unless nothing else is free",
      ),
      ...run,
    ],
  },
  {
    row: 19,
    what: "Cooling starves the pool",
    reports: "amazon-vpc-cni-k8s#2896",
    shown: shown(
      "core/attach.test.ts",
      "cools the address, oldest first again only when nothing else is free",
    ),
  },
  {
    row: 20,
    what: "An address that the cloud took back is handed out",
    reports: "amazon-vpc-cni-k8s#3887, #1967",
    shown: shown(
      "core/pool-shrank.test.ts",
      "a container that is asked for again gets one that the node has",
    ),
  },
  {
    row: 21,
    what: "An upgrade or downgrade breaks DEL",
    reports: "amazon-vpc-cni-k8s#2321",
    shown: shown("go-version/back-and-forth.test.ts", "keeps every address over the whole way"),
    open: "plugin and broker of different versions of ours: no test yet",
  },
  {
    row: 22,
    what: "A failed ADD tells nothing of why",
    reports: "amazon-vpc-cni-k8s#3075, #757",
    shown: shown(
      "cni/verbs.test.ts",
      "a full pool is code 11 in host-local's words, with counts and a hint",
    ),
  },
  {
    row: 23,
    what: "Pods are sent to a node that cannot address them yet",
    reports: "amazon-vpc-cni-k8s#330",
    shown: [
      ...shown("cni/verbs.test.ts", "before the broker serves, or without a pool: code 11"),
      ...shown(
        "e2e/containers.test.ts",
        "a container of the folder's default network is addressed, routed and reached at full size",
      ),
    ],
  },
  {
    row: 24,
    what: "A virtual machine loses its address at a restart or a move",
    reports: "kubevirt#13709, #14320",
    shown: shown("core/guest.test.ts", "remember a guest's address after it cooled"),
    open: "on one node; a move between nodes is not in this release",
  },
  {
    row: 28,
    what: "A restarted daemon releases before it knows who is there",
    reports: "cilium#26668, antrea#829",
    shown: [
      ...shown(
        "broker/take-up.test.ts",
        "a restart within a boot takes nothing from anybody, and writes nothing",
      ),
      ...run,
    ],
  },
  {
    row: 30,
    what: "Killed machines fill a small DHCP pool; a second server is not seen",
    reports: "felix#233, harvester#6628, #5299",
    shown: [
      ...shown(
        "core/guest.test.ts",
        "a full pool is exhausted and nobody is evicted; holds are short when it is nearly full",
      ),
      ...shown(
        "e2e/rogue.test.ts",
        "a server that answers our question is in status, metrics, events and doctor",
      ),
    ],
  },
  {
    row: 31,
    what: "The store is wiped while pods run, and addresses are doubled",
    reports: "rancher#21348",
    shown: shown("faults/ledger.test.ts", "addresses in use are given to nobody else"),
  },
  {
    row: 32,
    what: "A late DEL frees an address that another has by now",
    reports: "whereabouts#75",
    shown: [
      ...shown(
        "core/attach.test.ts",
        "by sequence number: a late release cannot free the address of the next holder",
      ),
      ...run,
    ],
  },
];

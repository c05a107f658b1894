// Ways in which address managers of nodes have failed their users, and the tests that show that ours does not.

import { type FailureOfOthers, run, shown } from "./failure-of-others.ts";
import { leaksOfOthers } from "./leaks-of-others.ts";

export const failuresOfOthers: readonly FailureOfOthers[] = [
  ...leaksOfOthers,
  {
    row: 13,
    what: "Large pools make every ADD slow",
    reports: "spiderpool#3541",
    shown: [
      ...shown("core/pool.test.ts", "finds the one free address among 65,534 without a walk"),
      ...shown(
        "core/large-pool.test.ts",
        "a call runs as much code in a pool of 65,533 addresses as in one of 253",
      ),
    ],
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
      ...shown(
        "broker/take-up.test.ts",
        "a restart within a boot takes nothing from anybody, and writes nothing",
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
      "neither a cooling one nor a sticky one comes back, however full the pool",
    ),
  },
  {
    row: 21,
    what: "An upgrade or downgrade breaks DEL",
    reports: "amazon-vpc-cni-k8s#2321",
    shown: [
      ...shown("skew/other-client.test.ts", "serves clients of $name as they were served"),
      ...shown("skew/other-broker.test.ts", "carries a container through its life"),
      ...shown(
        "skew/older-ledger.test.ts",
        "records of the first version are read, and written anew as today's",
        "a node goes back a release: the ledger is moved away, and every address stays with its holder",
      ),
      ...shown("go-version/back-and-forth.test.ts", "keeps every address over the whole way"),
    ],
    open: "there is one release so far: requests and answers recorded of it are played to the broker and clients of today, and records of the first ledger version are read; two installed packages can be run against each other only when there is a second",
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
    shown: [
      ...shown(
        "core/comes-back.test.ts",
        "after its %s, days ago",
        "if somebody else has it meanwhile, the guest gets another",
      ),
      ...shown("core/guest.test.ts", "remember a guest's address after it cooled"),
      ...shown(
        "core/cooling-order.test.ts",
        "an address cools for 130 s unless nothing else is free, the oldest goes first, a name gets its own back",
      ),
    ],
    open: "a restart is shown, on one node; a move is not: an address belongs to its node's range, and moving it takes the central store, which is not in this release",
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
        "dhcp/checklist-lifecycle.test.ts",
        "V4 after the container's DEL its route and neighbour are gone and a renewal is refused",
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
    shown: [
      ...shown("faults/ledger.test.ts", "addresses in use are given to nobody else"),
      ...shown(
        "broker/take-up.test.ts",
        "a lost ledger's first commit holds what was found in use: nothing about clocks comes before it",
      ),
    ],
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

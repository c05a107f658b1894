// Bugs to plant, one at a time: each is a small change of the source that a careless hand could have made.

export interface Edit {
  readonly file: string;
  /** Must be there exactly once. */
  readonly find: string;
  readonly put: string;
}

export interface Planted {
  readonly bug: string;
  readonly edits: readonly Edit[];
}

const edit = (file: string, find: string, put: string): Edit => ({ file, find, put });

export const planted: readonly Planted[] = [
  {
    bug: "no sync: the ledger's writes are left to the page cache",
    edits: [
      edit(
        "broker/stores/lmdb-environment.ts",
        "permissionsMode: 0o600,",
        "permissionsMode: 0o600, noSync: true,",
      ),
    ],
  },
  {
    bug: "reply before commit",
    edits: [
      edit(
        "broker/leasing.ts",
        "if (changes.length > 0 && !(await this.#persist(",
        "for (const { waiting, decision } of decided) waiting.resolve(decision.outcome);\n    if (changes.length > 0 && !(await this.#persist(",
      ),
    ],
  },
  {
    bug: "answers wait for their routes but not for the commit",
    edits: [
      edit(
        "broker/effects.ts",
        "persist: (_cause, changes) => ports.store.commit(changes),",
        "persist: (_cause, changes) => {\n      void ports.store.commit(changes).catch(() => undefined);\n      return Promise.resolve();\n    },",
      ),
    ],
  },
  {
    bug: "a failed commit is not undone in memory",
    edits: [edit("broker/leasing.ts", "this.ledger.undo(inverses);", "void inverses;")],
  },
  {
    bug: "release by name: a DEL frees every interface of the container",
    edits: [
      edit(
        "core/detach.ts",
        "const released: Ip[] = [];\n  for (const held of keys) {",
        'keys = [...ledger.leases()].flatMap(({ owner }) => owner?.kind === "container" && owner.containerId === request.containerId ? [ownerKey(owner)] : []);\n  keys = [...new Set([key, ...keys])];\n  const released: Ip[] = [];\n  for (const held of keys) {',
      ),
    ],
  },
  {
    bug: "release without sequence number",
    edits: [
      edit(
        "core/detach.ts",
        "if (lease === undefined || lease.sequence !== request.sequence)",
        "if (lease === undefined)",
      ),
    ],
  },
  {
    bug: "a late DEL frees what is newer than itself",
    edits: [
      edit(
        "core/detach.ts",
        "return lease.attachment === undefined || isOlder(lease.attachment.stamp, stamp, moment.bootId);",
        "return lease.attachment === undefined || isOlder(stamp, stamp, moment.bootId) || true;",
      ),
    ],
  },
  {
    bug: "missing tombstone",
    edits: [
      edit(
        "core/detach.ts",
        "draft.changes.push(...bury(ledger, keys, request.stamp, moment));",
        "void bury;",
      ),
    ],
  },
  {
    bug: "tombstone for ever",
    edits: [edit("core/sweep.ts", 'if (record.kind === "tombstone")', "if (ended.length < 0)")],
  },
  {
    bug: "provisional freed at once: by its age, whatever lives",
    edits: [
      edit(
        "core/attach.ts",
        "provisional: true,\n    set,",
        "provisional: true,\n    until: now + 1_000,\n    set,",
      ),
      edit(
        "core/detach.ts",
        "const { provisional: _delivered, ...confirmed } = lease;",
        "const { provisional: _delivered, until: _until, ...confirmed } = lease;",
      ),
    ],
  },
  {
    bug: "forgotten cooling: a restart lets every address cool no longer",
    edits: [
      edit(
        "broker/startup.ts",
        "records.filter((record) => !hasNoOrder(record))",
        'records.filter((record) => !hasNoOrder(record) && (record.kind !== "lease" || record.lease.state !== "cooling"))',
      ),
    ],
  },
  {
    bug: "cooling in the wrong order: the youngest is given again first",
    edits: [
      edit(
        "core/draw.ts",
        "if (lease.sticky === undefined) return lease;\n    sticky ??= lease;",
        "sticky = lease;",
      ),
    ],
  },
  {
    bug: "route kept after a release",
    edits: [
      edit("core/release.ts", 'if (lease.routed) this.routes.push({ op: "delete", ip });', ""),
    ],
  },
  {
    bug: "neighbour kept beside a deleted route",
    edits: [
      edit(
        "broker/linux/route-table.ts",
        "? deleteNeighbour(ip, link, neighbour)",
        '? change.op === "add" ? deleteNeighbour(ip, link, neighbour) : deleteRoute(ip, link, route)',
      ),
    ],
  },
  {
    bug: "one family leaked: a DEL frees one address of two",
    edits: [
      edit(
        "core/detach.ts",
        "for (const lease of ledger.heldBy(held)) {\n      if (!isFreedBy",
        "for (const lease of ledger.heldBy(held).slice(0, 1)) {\n      if (!isFreedBy",
      ),
    ],
  },
  {
    bug: "inode alone as evidence of life",
    edits: [
      edit(
        "core/judgement.ts",
        'if (overtaken || (namespace === "unlinked" && routed)) return "namespace-reused";',
        "void overtaken;\n  void routed;",
      ),
    ],
  },
  {
    bug: "a spooled release is removed before it is made",
    edits: [
      edit(
        "broker/spooler.ts",
        "if (body === undefined || !(await release(body))) {",
        'await effects.unspool(["DEL"], () => spool.remove(name));\n  if (body === undefined || !(await release(body))) {',
      ),
    ],
  },
  {
    bug: "DHCP binds what somebody else holds",
    edits: [
      edit(
        "core/guest.ts",
        "return `the address is ${lease.state} for another owner`;",
        "return undefined;",
      ),
    ],
  },
  {
    bug: "a refused command keeps what it renewed, and loses what it gave up",
    edits: [
      edit(
        "core/undo.ts",
        "const untouched = steps.every((step) => isUntouched(ledger, step, told));",
        "void isUntouched;\n  const untouched = steps.length < 0;",
      ),
    ],
  },
  {
    bug: "a refused command takes the cooling address it had drawn from whom it was kept for",
    edits: [
      edit("core/undo.ts", 'if (before?.state === "cooling")', "if (draft.changes.length < 0)"),
    ],
  },
  {
    bug: "the order of cooling is forgotten at a reboot with a clock that was set back",
    edits: [
      edit(
        "core/clock-step.ts",
        'lease.state === "cooling" ? lease.since - early : Math.min(lease.since, now)',
        "Math.min(lease.since, now + 0 * early)",
      ),
    ],
  },
  {
    bug: "a repair leaves the routes as they are",
    edits: [
      edit(
        "broker/fsck.ts",
        "routes: () => resyncRoutes(options.leasing.ledger, options.routes),",
        "routes: async () => void resyncRoutes,",
      ),
    ],
  },
];

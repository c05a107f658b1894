// Between each accepted change and its reply the kernel has finished a sync of the ledger: seen by strace on the built command.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Mac } from "#core/address.ts";
import { COCOON_NET } from "#test/netns/broker.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type FaultNode, makeFaultNode } from "#test/faults/fault-node.ts";
import { guest } from "#test/crash/book.ts";

const MAC = "02:6a:00:00:00:01" as Mac;
const CALLS = [
  ["read", "recvmsg", "recvmmsg", "recvfrom"],
  ["write", "writev", "sendmsg", "sendmmsg", "sendto"],
  ["pwrite64", "pwritev", "fdatasync", "fsync", "msync"],
]
  .flat()
  .join(",");
const SYNCED = /(?:fdatasync|fsync|msync)\(.*= 0$|<\.\.\. (?:fdatasync|fsync|msync) resumed>.*= 0$/;
const LEDGER_WRITE = /(?:pwrite64|pwritev|writev)\([^,]*ledger/;
const HTTP_REPLY = /(?:write|writev|sendmsg|sendto)\(.*HTTP\/1\.1 20[04]/;
const CNI_REQUEST = /read(?:\(| resumed>).*POST \/v1\/cni HTTP/;
const DHCP_REQUEST = /(?:recvmsg|recvmmsg|recvfrom)\(/;
const DHCP_REPLY = /sendmmsg\(/;
/** Nothing of an earlier change is on its way when the trace has not grown for this long: the mirror follows after 1 s. */
const QUIET_MS = 2_500;

let node: FaultNode;
let trace = "";
const folders = new AsyncDisposableStack();
beforeAll(async () => {
  const folder = folders.use(await temporaryFolder());
  trace = join(folder.path, "trace");
  // -D: the tracer stands aside, so that the process that is started is the broker's own.
  const strace = [
    "strace",
    "-D",
    "-f",
    "-y",
    "-qq",
    "-s",
    "120",
    "-o",
    trace,
    "-e",
    `trace=${CALLS}`,
  ];
  node = await makeFaultNode({ command: [...strace, COCOON_NET, "daemon"] });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await folders.disposeAsync();
});

interface Change {
  readonly name: string;
  readonly make: () => Promise<unknown>;
  readonly request: RegExp;
  readonly reply: RegExp;
  /** CHECK changes nothing: it shows that the finder can say no. */
  readonly synced: boolean;
}

const changes: readonly Change[] = [
  {
    name: "ADD",
    make: () => node.add("pod"),
    request: CNI_REQUEST,
    reply: HTTP_REPLY,
    synced: true,
  },
  {
    name: "CHECK",
    make: () => node.check("pod"),
    request: CNI_REQUEST,
    reply: HTTP_REPLY,
    synced: false,
  },
  {
    name: "DEL",
    make: () => node.del("pod"),
    request: CNI_REQUEST,
    reply: HTTP_REPLY,
    synced: true,
  },
  {
    name: "DISCOVER",
    make: () => node.wire.ask({ type: "discover", mac: MAC }),
    request: DHCP_REQUEST,
    reply: DHCP_REPLY,
    synced: false,
  },
  {
    name: "REQUEST",
    make: async () => {
      const { ip } = await node.wire.ask({ type: "discover", mac: MAC });
      node.book.held(guest(MAC), ip);
      await quiet();
      const from = (await lines()).length;
      await node.reclaim(MAC);
      return from;
    },
    request: DHCP_REQUEST,
    reply: DHCP_REPLY,
    synced: true,
  },
  {
    name: "renewal",
    make: () => node.reclaim(MAC),
    request: DHCP_REQUEST,
    reply: DHCP_REPLY,
    synced: true,
  },
];

it.each(changes)(
  "$name: synced before the reply is $synced",
  async ({ make, request, reply, synced }) => {
    await quiet();
    const before = (await lines()).length;
    const told = await make();
    const from = typeof told === "number" ? told : before;
    const seen = await waitFor(
      async () => {
        const found = (await lines()).slice(from);
        return found.some((line) => reply.test(line)) && found;
      },
      { what: "the reply in the trace" },
    );
    const asked = seen.findIndex((line) => request.test(line));
    const answered = seen.findIndex((line) => reply.test(line));
    expect(asked, seen.join("\n")).toBeGreaterThanOrEqual(0);
    expect(answered).toBeGreaterThan(asked);
    const between = seen.slice(asked, answered);
    const written = between.findIndex((line) => LEDGER_WRITE.test(line));
    const synchronised = between.findIndex((line) => SYNCED.test(line));
    expect({ written: written >= 0, synced: synchronised > written }, between.join("\n")).toEqual({
      written: synced,
      synced,
    });
  },
);

const lines = async (): Promise<string[]> =>
  (await readFile(trace, "utf8")).split("\n").slice(0, -1);

/** Waits until the ledger has had nothing to write for a while. */
async function quiet(): Promise<void> {
  let [length, since] = [-1, performance.now()];
  await waitFor(
    async () => {
      const now = (await lines()).filter((line) => /ledger|leases\.json/.test(line)).length;
      if (now !== length) [length, since] = [now, performance.now()];
      return performance.now() - since > QUIET_MS;
    },
    { what: "the ledger to rest" },
  );
}

// Whatever arrives, the answer is a CNI answer and a refused call changes nothing.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { brokerFixture, callBody } from "./broker-fixture.ts";

const RUNS = 300;

const command = fc.constantFrom("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "");
const word = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "10.88.0.7",
    "10.88.0.0/24",
    "2001:db8::/64",
    "eth0",
    "true",
    "__proto__",
    "cocoon-ipam",
    "1.1.0",
    "0.4.0",
  ),
);
const leaf = fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
const names = fc.constantFrom(
  "cniVersion",
  "name",
  "ipam",
  "type",
  "ranges",
  "subnet",
  "rangeStart",
  "rangeEnd",
  "gateway",
  "exclude",
  "routes",
  "dst",
  "gw",
  "dns",
  "args",
  "cni",
  "ips",
  "runtimeConfig",
  "ipRanges",
  "mac",
  "io.kubernetes.cri.pod-annotations",
  "cocoon-net/sticky",
  "sticky",
  "strict",
  "resolvConf",
  "prevResult",
  "address",
  "cni.dev/valid-attachments",
  "containerID",
  "ifname",
  "code",
  "message",
  "details",
  "__proto__",
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "medium" },
    leaf,
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(names, tie("tree"), { maxKeys: 5 }),
  ),
}));
const stdin = fc.oneof(
  fc.string({ unit: "binary" }),
  tree.map((value) => JSON.stringify(value)),
  fc
    .dictionary(names, tree, { maxKeys: 6 })
    .map((conf) => JSON.stringify({ cniVersion: "1.1.0", name: "mynet", ipam: {}, ...conf })),
);
const env = fc.record(
  {
    CNI_CONTAINERID: fc.oneof(word, fc.constant("pod1")),
    CNI_NETNS: fc.oneof(word, fc.constant("/run/netns/x")),
    CNI_IFNAME: fc.oneof(word, fc.constant("eth0")),
    CNI_ARGS: fc.oneof(
      word,
      fc
        .array(fc.tuple(fc.constantFrom("IP", "MAC", "IgnoreUnknown", "K8S_POD_NAME", "x"), word))
        .map((pairs) => pairs.map((pair) => pair.join("=")).join(";")),
    ),
    CNI_PATH: word,
  },
  { requiredKeys: [] },
);

/** Fails unless the reply is one that a plugin may print; true for a success. */
function isSuccess(reply: { exitCode: number; stdout: string }): boolean {
  if (reply.exitCode === 0) return true;
  expect(JSON.parse(reply.stdout)).toEqual({
    cniVersion: expect.any(String),
    code: expect.any(Number),
    msg: expect.stringMatching(/./),
    details: expect.any(String),
  });
  return false;
}

test("arbitrary conf and environment", async () => {
  await fc.assert(
    fc.asyncProperty(command, stdin, env, async (verb, conf, variables) => {
      const { cni, commits } = brokerFixture();
      const success = isSuccess(await cni.handle(callBody(verb, conf, variables)));
      if (!success || verb === "CHECK" || verb === "STATUS") expect(commits()).toBe(0);
    }),
    { numRuns: RUNS },
  );
});

test("a DEL with a good container and interface succeeds, whatever else it says", async () => {
  await fc.assert(
    fc.asyncProperty(stdin, env, async (conf, variables) => {
      const body = callBody("DEL", conf, {
        ...variables,
        CNI_CONTAINERID: "pod1",
        CNI_IFNAME: "eth0",
      });
      expect(await brokerFixture().cni.handle(body)).toEqual({ exitCode: 0, stdout: "" });
    }),
    { numRuns: RUNS },
  );
});

test("an arbitrary body", async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything({ withNullPrototype: true, withBigInt: true }), async (body) => {
      const { cni, commits } = brokerFixture();
      expect(isSuccess(await cni.handle(body))).toBe(false);
      expect(commits()).toBe(0);
    }),
    { numRuns: RUNS },
  );
});

test("an arbitrary confirm token", async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), async (token) => {
      const { cni, commits } = brokerFixture();
      await expect(cni.confirm(token)).rejects.toMatchObject({ code: "invalid-request" });
      expect(commits()).toBe(0);
    }),
    { numRuns: RUNS },
  );
});

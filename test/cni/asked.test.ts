// What a call asks for: CNI_ARGS, requested addresses, a MAC, and the name of a sticky address.

import { readCall } from "#broker/cni/call.ts";
import { describe, expect, test } from "vitest";
import { callBody, refusal } from "./broker-fixture.ts";

describe("CNI_ARGS (2A 28)", () => {
  const k8s =
    "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0;K8S_POD_UID=u-1;K8S_POD_INFRA_CONTAINER_ID=abc";

  test.each([
    ["", {}],
    ["IP=10.1.2.10", { ip: "10.1.2.10" }],
    ["IP=10.1.2.11/24", { ip: "10.1.2.11" }],
    ["MAC=02-00-00-00-00-0A", { mac: "02:00:00:00:00:0a" }],
    [k8s, { podNamespace: "shop", podName: "db-0", podUid: "u-1" }],
    [`FOO=BAR;${k8s};IgnoreUnknown=1`, { podName: "db-0" }],
    ["IgnoreUnknown=true;FOO=BAR", {}],
  ])("%s", (args, expected) => {
    expect(readCall(callBody("ADD", {}, { CNI_ARGS: args }))).toMatchObject({
      verb: "ADD",
      args: expected,
    });
  });

  test.each([
    ["FOO=BAR", 'ARGS: unknown args ["FOO=BAR"]'],
    ["FOO=BAR;X=Y;IgnoreUnknown=0", 'ARGS: unknown args ["FOO=BAR" "X=Y"]'],
    ["FOO", 'ARGS: invalid pair "FOO"'],
    ["IP=1.2.3.4;", 'ARGS: invalid pair ""'],
    ["IP=a=b", 'ARGS: invalid pair "IP=a=b"'],
    ["IP=10.1.2.300", 'ARGS: error parsing value of pair "IP=10.1.2.300"'],
    ["MAC=no", 'ARGS: error parsing value of pair "MAC=no"'],
    ["IgnoreUnknown=maybe", 'ARGS: error parsing value of pair "IgnoreUnknown=maybe"'],
    [
      `K8S_POD_NAME=${"x".repeat(254)}`,
      expect.stringMatching("^ARGS: error parsing value of pair"),
    ],
    ["constructor=1", 'ARGS: unknown args ["constructor=1"]'],
  ])("%s is refused", (args, message) => {
    expect(refusal(readCall(callBody("ADD", {}, { CNI_ARGS: args })))).toMatchObject({
      code: 4,
      message,
    });
  });
});

describe("what is asked for", () => {
  test("requested addresses in order: CNI_ARGS, args.cni.ips, runtimeConfig.ips, each once (2A 29, 30)", () => {
    const conf = {
      args: { cni: { ips: ["10.1.2.11/24", "2001:DB8:0::1"] } },
      runtimeConfig: { ips: ["192.168.0.1", "192.168.0.5/24", "2001:db8::1/64"] },
    };
    expect(readCall(callBody("ADD", conf, { CNI_ARGS: "IP=10.1.2.10" }))).toMatchObject({
      requested: ["10.1.2.10", "10.1.2.11", "2001:db8::1", "192.168.0.1", "192.168.0.5"],
    });
  });

  test.each([["nonsense"], ["10.1.2.3/33"], ["10.1.2"]])(
    "requested address %s is refused",
    (address) => {
      const conf = { runtimeConfig: { ips: [address] } };
      expect(refusal(readCall(callBody("ADD", conf)))).toMatchObject({
        code: 7,
        message: `cannot understand ip: "${address}"`,
      });
    },
  );

  test("runtimeConfig.mac before CNI_ARGS MAC", () => {
    const env = { CNI_ARGS: "MAC=02:00:00:00:00:01" };
    expect(readCall(callBody("ADD", {}, env))).toMatchObject({ mac: "02:00:00:00:00:01" });
    expect(
      readCall(callBody("ADD", { runtimeConfig: { mac: "02:00:00:00:00:02" } }, env)),
    ).toMatchObject({ mac: "02:00:00:00:00:02" });
    expect(refusal(readCall(callBody("ADD", { runtimeConfig: { mac: "x" } }, env)))).toMatchObject({
      code: 7,
    });
  });

  const pod = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0";
  test.each([
    [undefined, undefined, pod, undefined],
    [false, undefined, pod, undefined],
    [true, undefined, pod, "shop/db-0 (mynet eth0)"],
    [true, undefined, "", "pod1 (mynet eth0)"],
    ["vip", undefined, pod, "vip (mynet eth0)"],
    [undefined, "true", pod, "shop/db-0 (mynet eth0)"],
    [true, "false", pod, undefined],
    ["vip", "mine", pod, "shop/mine (mynet eth0)"],
  ])("sticky %j with annotation %j and %j", (sticky, annotation, args, expected) => {
    const conf = {
      ipam: { type: "cocoon-ipam", sticky },
      runtimeConfig: {
        "io.kubernetes.cri.pod-annotations":
          annotation === undefined ? {} : { "cocoon-net/sticky": annotation },
      },
    };
    const call = readCall(callBody("ADD", conf, { CNI_ARGS: args }));
    expect(call.verb === "ADD" ? call.sticky : call).toBe(expected);
  });

  test.each(["two words", "\u001b[2J", "x".repeat(254), 7, { name: "x" }])(
    "annotation %j is refused",
    (annotation) => {
      const conf = {
        runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "cocoon-net/sticky": annotation } },
      };
      expect(refusal(readCall(callBody("ADD", conf)))).toMatchObject({
        code: 7,
        message: "annotation cocoon-net/sticky is not a name",
      });
    },
  );

  test("so is such a name in the conf", () => {
    const conf = { ipam: { sticky: "two words" } };
    expect(refusal(readCall(callBody("ADD", conf)))).toMatchObject({
      code: 7,
      message: "ipam.sticky is not a name",
    });
  });
});

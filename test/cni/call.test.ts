// Calls as libcni's skeleton reads them: variables, names, versions and namespaces.

import { readCall } from "#broker/cni/call.ts";
import { cniVersions } from "#broker/cni/version.ts";
import { describe, expect, test } from "vitest";
import { BASE_CONF, callBody, refusal } from "./broker-fixture.ts";

describe("environment (2C 1, 2)", () => {
  test.each([
    ["ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
    ["CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
    ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]],
    ["GC", ["CNI_PATH"]],
    ["STATUS", []],
  ])("%s needs %j and nothing else", (command, needed) => {
    for (const name of ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"]) {
      const call = readCall(callBody(command, {}, { [name]: undefined }));
      if (!needed.includes(name)) expect(call.verb).toBe(command);
      else
        expect(refusal(call)).toMatchObject({
          code: 4,
          message: `required env variables [${name}] missing`,
        });
    }
  });

  test("several missing variables are one error", () => {
    const env = { CNI_NETNS: undefined, CNI_IFNAME: "", CNI_PATH: undefined };
    const { code, message } = refusal(readCall(callBody("ADD", {}, env)));
    expect([code, message]).toEqual([
      4,
      "required env variables [CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
    ]);
  });

  test.each([
    ["", 4, "required env variables [CNI_COMMAND] missing"],
    ["FLY", 4, "unknown CNI_COMMAND: FLY"],
    ["toString", 4, "unknown CNI_COMMAND: toString"],
  ])("command %j", (command, code, message) => {
    expect(refusal(readCall(callBody(command)))).toMatchObject({ code, message });
  });
});

describe("names (2C 3)", () => {
  test.each([
    [{ CNI_CONTAINERID: "../x" }, 4, "invalid characters in containerID"],
    [{ CNI_CONTAINERID: "-x" }, 4, "invalid characters in containerID"],
    [{ CNI_CONTAINERID: "a b" }, 4, "invalid characters in containerID"],
    [{ CNI_CONTAINERID: "x".repeat(201) }, 4, "containerID is too long"],
    [{ CNI_CONTAINERID: " \n" }, 4, "required env variables [CNI_CONTAINERID] missing"],
    [{ CNI_IFNAME: "sixteen-letters0" }, 4, "interface name is too long"],
    [{ CNI_IFNAME: "ääääääää" }, 4, "interface name is too long"],
    [{ CNI_IFNAME: "." }, 4, "interface name is . or .."],
    [{ CNI_IFNAME: ".." }, 4, "interface name is . or .."],
    [{ CNI_IFNAME: "a/b" }, 4, "interface name contains / or : or whitespace characters"],
    [{ CNI_IFNAME: "a:b" }, 4, "interface name contains / or : or whitespace characters"],
    [{ CNI_IFNAME: "a b" }, 4, "interface name contains / or : or whitespace characters"],
  ])("%j", (env, code, message) => {
    expect(refusal(readCall(callBody("ADD", {}, env)))).toMatchObject({ code, message });
    expect(refusal(readCall(callBody("DEL", {}, env)))).toMatchObject({ code, message });
  });

  test.each([
    ["", 7, "missing network name"],
    [undefined, 7, "missing network name"],
    ["a b", 7, "invalid characters found in network name"],
    ["-net", 7, "invalid characters found in network name"],
    ["n".repeat(129), 7, "network name is too long"],
    [7, 6, "error parsing the network config on stdin: name is not a string"],
  ])("network %j", (name, code, message) => {
    expect(refusal(readCall(callBody("ADD", { name })))).toMatchObject({ code, message });
  });

  test("white space around a container ID is cut off (2A 6)", () => {
    expect(readCall(callBody("ADD", {}, { CNI_CONTAINERID: "   dummy\n " }))).toMatchObject({
      containerId: "dummy",
    });
    expect(readCall(callBody("DEL", {}, { CNI_CONTAINERID: "   dummy\n " }))).toMatchObject({
      containerId: "dummy",
    });
  });
});

describe("versions (2C 4, 5)", () => {
  test.each(cniVersions)("%s is spoken", (cniVersion) => {
    expect(readCall(callBody("ADD", { cniVersion }))).toMatchObject({
      verb: "ADD",
      version: cniVersion,
    });
  });

  test.each([undefined, null, ""])("an absent version (%j) is 0.1.0", (cniVersion) => {
    expect(readCall(callBody("ADD", { cniVersion }))).toMatchObject({ version: "0.1.0" });
  });

  test.each(["0.0.1", "1.2.0", "2.0.0", "1.1", "v1.1.0", "abc"])(
    "%s is refused with the versions that are spoken",
    (cniVersion) => {
      expect(refusal(readCall(callBody("ADD", { cniVersion })))).toEqual({
        code: 1,
        message: "incompatible CNI versions",
        details: `config is "${cniVersion}", plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`,
      });
    },
  );

  test.each([
    ["CHECK", "0.4.0"],
    ["GC", "1.1.0"],
    ["STATUS", "1.1.0"],
  ])("%s from %s on", (command, first) => {
    for (const cniVersion of cniVersions) {
      const call = readCall(callBody(command, { cniVersion }));
      if (cniVersion >= first) expect(call.verb).toBe(command);
      else
        expect(refusal(call)).toMatchObject({
          code: 1,
          message: `config version does not allow ${command}`,
        });
    }
  });

  test.each(["", "{", "[]", "1", '"text"', '{"name":'])(
    "stdin %j is code 6 for all but DEL",
    (stdin) => {
      for (const command of ["ADD", "CHECK", "GC", "STATUS"]) {
        expect(refusal(readCall(callBody(command, stdin)))).toMatchObject({ code: 6 });
      }
      expect(readCall(callBody("DEL", stdin))).toMatchObject({
        verb: "DEL",
        network: "",
        containerId: "pod1",
        ifname: "eth0",
      });
    },
  );

  test("stdin null is an object without keys, as in libcni", () => {
    expect(refusal(readCall(callBody("ADD", "null")))).toMatchObject({
      code: 7,
      message: "missing network name",
    });
  });

  test("the error's version is the conf's own where it is one of ours", () => {
    expect(readCall(callBody("ADD", { cniVersion: "0.3.1", name: "" }))).toMatchObject({
      version: "0.3.1",
    });
    expect(readCall(callBody("ADD", "{"))).toMatchObject({ version: "1.1.0" });
  });
});

describe("DEL depends on nothing but container and interface", () => {
  test.each([
    [{ cniVersion: "9.9.9" }, "mynet"],
    [{ ipam: undefined }, "mynet"],
    [{ ipam: { ranges: "none" } }, "mynet"],
    [{ name: "renamed" }, "renamed"],
    [{ name: "not a name" }, ""],
    [{ name: 7 }, ""],
    [{ prevResult: 7, runtimeConfig: [] }, "mynet"],
  ])("%j", (conf, network) => {
    expect(readCall(callBody("DEL", conf, { CNI_NETNS: "", CNI_ARGS: "nonsense" }))).toMatchObject({
      verb: "DEL",
      network,
    });
  });
});

describe("namespaces (2C 6)", () => {
  const own = { dev: "4", ino: "4026531840" };
  const body = (override?: string) => ({
    ...callBody("ADD", {}, { CNI_NETNS_OVERRIDE: override }),
    netns: own,
    ownNetns: own,
  });

  test("the plugin's own namespace is code 8", () => {
    expect(refusal(readCall(body()))).toMatchObject({ code: 8 });
    expect(refusal(readCall(body("0")))).toMatchObject({ code: 8 });
  });
  test.each(["1", "true", "TRUE"])("unless CNI_NETNS_OVERRIDE=%s", (override) => {
    expect(readCall(body(override))).toMatchObject({ verb: "ADD", identity: own });
  });
  test("another namespace, or one that could not be opened, is fine", () => {
    expect(
      readCall({ ...callBody("ADD"), netns: { dev: "4", ino: "1" }, ownNetns: own }),
    ).toMatchObject({ verb: "ADD" });
    expect(readCall({ ...callBody("ADD"), ownNetns: own })).toMatchObject({ verb: "ADD" });
  });
});

describe("the wire's body", () => {
  test("keys of a conf cannot pass for a failure", () => {
    const conf = { ...BASE_CONF, code: 4, message: "no", details: "no" };
    expect(readCall(callBody("ADD", conf)).verb).toBe("ADD");
  });

  test.each([
    undefined,
    null,
    7,
    "x",
    [],
    {},
    { ...callBody("ADD"), stamp: { bootId: "b", boottime: "-1" } },
  ])("%j is refused", (body) => {
    expect(refusal(readCall(body))).toMatchObject({
      code: 4,
      message: "the call is not one of the CNI plugin's",
    });
  });
});

// Results and errors in the shape of every spec version (CNI spec S2, S9, S14).

import { BrokerError, errorCodes } from "#core/errors.ts";
import { ip } from "#core/address.ts";
import { failure, failureOf, formatFailure } from "#broker/cni/failure.ts";
import { type Result, formatResult } from "#broker/cni/result.ts";
import { cniVersions } from "#broker/cni/version.ts";
import { describe, expect, test } from "vitest";

const result: Result = {
  ips: [
    { ip: ip("10.1.2.2"), prefixLength: 24, gateway: ip("10.1.2.1") },
    { ip: ip("2001:db8:1::2"), prefixLength: 64 },
  ],
  routes: [
    { dst: "0.0.0.0/0" },
    { dst: "192.168.0.0/16", gw: "10.1.2.9", mtu: 1400, priority: 0, table: null },
    { dst: "::/0", scope: 1 },
  ],
  dns: { nameservers: ["192.0.2.3"] },
};

const plain = [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16", gw: "10.1.2.9" }, { dst: "::/0" }];
const byFamily = {
  ip4: { ip: "10.1.2.2/24", gateway: "10.1.2.1", routes: plain.slice(0, 2) },
  ip6: { ip: "2001:db8:1::2/64", routes: plain.slice(2) },
};
const named = [
  { version: "4", address: "10.1.2.2/24", gateway: "10.1.2.1" },
  { version: "6", address: "2001:db8:1::2/64" },
];
const unnamed = named.map(({ version: _version, ...rest }) => rest);

describe("a result", () => {
  test.each([
    ["0.1.0", byFamily],
    ["0.2.0", byFamily],
    ["0.3.0", { ips: named, routes: plain }],
    ["0.3.1", { ips: named, routes: plain }],
    ["0.4.0", { ips: named, routes: plain }],
    ["1.0.0", { ips: unnamed, routes: plain }],
    [
      "1.1.0",
      {
        ips: unnamed,
        routes: [
          { dst: "0.0.0.0/0" },
          { dst: "192.168.0.0/16", gw: "10.1.2.9", mtu: 1400, priority: 0 },
          { dst: "::/0", scope: 1 },
        ],
      },
    ],
  ] as const)("of %s", (version, body) => {
    expect(JSON.parse(formatResult(version, result))).toEqual({
      cniVersion: version,
      ...body,
      dns: { nameservers: ["192.0.2.3"] },
    });
  });

  test("the table above has every version", () => {
    expect(cniVersions).toHaveLength(7);
  });

  test("nothing but ips and dns where there is no more", () => {
    const small: Result = { ips: [{ ip: ip("10.1.2.2"), prefixLength: 24 }], routes: [], dns: {} };
    expect(JSON.parse(formatResult("1.1.0", small))).toEqual({
      cniVersion: "1.1.0",
      ips: [{ address: "10.1.2.2/24" }],
      dns: {},
    });
    expect(JSON.parse(formatResult("0.2.0", small))).toEqual({
      cniVersion: "0.2.0",
      ip4: { ip: "10.1.2.2/24" },
      dns: {},
    });
  });
});

describe("an error", () => {
  test("has the four keys of the spec", () => {
    expect(JSON.parse(formatFailure("0.3.1", failure(7, "message", "details")))).toEqual({
      cniVersion: "0.3.1",
      code: 7,
      msg: "message",
      details: "details",
    });
  });

  test("is cut to a length that logs can bear", () => {
    const { msg } = JSON.parse(formatFailure("1.1.0", failure(7, "x".repeat(100_000)))) as {
      msg: string;
    };
    expect(msg).toHaveLength(4096);
  });

  test.each([
    ["invalid-config", 7],
    ["invalid-request", 4],
    ["invalid-network", 7],
    ["unsupported-version", 1],
    ["pool-exhausted", 11],
    ["address-unavailable", 11],
    ["duplicate-attachment", 101],
    ["stale-call", 102],
    ["attachment-unknown", 3],
    ["check-failed", 100],
    ["commit-failed", 11],
    ["route-failed", 11],
    ["not-ready", 11],
    ["overloaded", 11],
    ["already-running", 11],
    ["foreign-bridge", 11],
    ["permission-denied", 11],
    ["unknown-lease", 3],
    ["unsupported-platform", 999],
    ["system-failure", 11],
    ["internal", 999],
  ] as const)("%s is CNI code %i", (code, expected) => {
    expect(failureOf(new BrokerError(code, "m", { details: "d", hint: "h" }))).toMatchObject({
      code: expected,
      details: "d; h",
    });
  });

  test("every code of ours has a number that is the spec's, libcni's or 100 and above", () => {
    for (const code of errorCodes)
      expect([1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 100, 101, 102, 999]).toContain(
        failureOf(new BrokerError(code, "m")).code,
      );
  });

  test("a full pool's message begins as host-local's", () => {
    expect(failureOf(new BrokerError("pool-exhausted", "nothing left")).message).toBe(
      "no IP addresses available in range set: nothing left",
    );
    const whole = "no IP addresses available in range set: 10.0.0.1-10.0.0.6";
    expect(failureOf(new BrokerError("pool-exhausted", whole)).message).toBe(whole);
  });
});

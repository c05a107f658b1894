// The guard's turns: acknowledgements wait for the table, requests share a write, drift is met, trouble does not spin.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Mac, ip, parseMac } from "#core/address.ts";
import { Ledger } from "#core/ledger.ts";
import { GuestPorts } from "#broker/guest-ports.ts";
import { createSourceGuard } from "#broker/source-guard.ts";

const mac = (number: number): Mac => parseMac(`02:00:00:00:00:0${number}`) as Mac;
const PORT = 5;

/** nft as a variable: what is written is what is listed. */
function machine(options: { enabled?: boolean; before?: string } = {}) {
  const ledger = new Ledger();
  const kernel: { text: string | undefined } = { text: options.before };
  const said = { writes: 0, removals: 0, drift: 0, fought: 0, looks: 0, trouble: [] as string[] };
  let fault: Error | undefined;
  const ports = new GuestPorts({ ledger, portOf: () => PORT, nameOf: () => "port5", limit: 1 });
  const observe = () => {
    said.looks += 1;
    return fault === undefined ? Promise.resolve([]) : Promise.reject(fault);
  };
  const guard = createSourceGuard({
    enabled: options.enabled ?? true,
    watched: true,
    bridge: "cni0",
    tables: {
      list: () =>
        Promise.resolve(
          kernel.text === undefined
            ? undefined
            : JSON.stringify({ nftables: [{ text: kernel.text }] }),
        ),
      write(text) {
        said.writes += 1;
        if (fault !== undefined) return Promise.reject(fault);
        kernel.text = text;
        return Promise.resolve();
      },
      remove() {
        said.removals += 1;
        kernel.text = undefined;
        return Promise.resolve();
      },
    },
    links: { observe },
    ledger,
    ports,
    now: Date.now,
    indexOf: () => PORT,
    judge: () => Promise.resolve(),
    wrote: (drift) => void (said.drift += drift ? 1 : 0),
    fought: () => void (said.fought += 1),
    trouble: (_what, error) => void said.trouble.push(error.message),
  });
  return {
    guard,
    kernel,
    said,
    lease: (number: number): void => {
      const owner = { kind: "guest" as const, mac: mac(number) };
      const place = { ip: ip(`10.9.0.${number}`), pool: "node", mac: mac(number), routed: true };
      const state = { state: "leased" as const, sequence: number, since: 0 };
      const lease = { ...place, ...state, owner };
      ledger.apply([{ op: "put", record: { kind: "lease", lease } }]);
      ports.place(mac(number), PORT);
    },
    fail: (error: Error | undefined) => void (fault = error),
  };
}

let stop = new AbortController();
beforeEach(() => {
  stop = new AbortController();
  vi.useFakeTimers();
});
afterEach(() => {
  stop.abort();
  vi.useRealTimers();
});

test("a guest is admitted once the table names it; those who ask at once share a write", async () => {
  const { guard, kernel, said, lease } = machine();
  await guard.start();
  expect(said.writes).toBe(1);
  lease(1);
  lease(2);
  await Promise.all([guard.admit(mac(1)), guard.admit(mac(2))]);
  expect(said.writes).toBe(2);
  expect(kernel.text).toContain("5 . 02:00:00:00:00:01 . 10.9.0.1");
  expect(kernel.text).toContain("5 . 02:00:00:00:00:02 . 10.9.0.2");
  // A renewal finds it there.
  await guard.admit(mac(1));
  expect(said.writes).toBe(2);
});

test("nobody is admitted by a table that could not be written; the next one who asks tries again", async () => {
  const { guard, lease, fail } = machine();
  await guard.start();
  lease(1);
  fail(new Error("nft says no"));
  await expect(guard.admit(mac(1))).rejects.toThrow("nft says no");
  fail(undefined);
  await guard.admit(mac(1));
});

test("drift is put right within a period however often leases change, and a fight is met more rarely", async () => {
  const { guard, kernel, said } = machine();
  await guard.start();
  void guard.run(stop.signal);
  for (let round = 0; round < 60; round += 1) {
    kernel.text = "another's";
    for (let second = 0; second < 10; second += 1) {
      guard.touch();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    if (round === 0) expect(said.drift).toBe(1);
  }
  expect(said.drift).toBeGreaterThan(3);
  expect(said.drift).toBeLessThan(20);
  expect(said.fought).toBe(1);
});

test("a machine that cannot be looked at is asked once a period, not without pause", async () => {
  const { guard, said, fail } = machine();
  await guard.start();
  const before = said.looks;
  fail(new Error("no netlink"));
  void guard.run(stop.signal);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said.looks - before).toBeLessThanOrEqual(8);
  expect(said.trouble).toContain("no netlink");
});

test("switched off it takes away what is left, and asks nft no more", async () => {
  const { guard, kernel, said } = machine({ enabled: false, before: "left" });
  await guard.start();
  void guard.run(stop.signal);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(kernel.text).toBeUndefined();
  expect(said).toMatchObject({ writes: 0, removals: 1 });
  await guard.admit(mac(1));
  expect(said.writes).toBe(0);
});

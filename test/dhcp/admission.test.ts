// Who is attended to when: first come, first served, a bounded number at work and a bounded number waiting.

import { expect, test } from "vitest";
import { Admission } from "#broker/dhcp/admission.ts";

/** An admission whose requests are numbers; those from 1,000 on do not reach the ledger. */
function counting() {
  const attended: number[] = [];
  const admission = new Admission<number>((request) => {
    attended.push(request);
    if (request < 1_000) admission.began();
  });
  for (let request = 0; request < 512; request++) admission.admit(request);
  return { admission, attended };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("nobody overtakes those who wait, even where there is room again", async () => {
  const { admission, attended } = counting();
  admission.admit(600);
  admission.ended();
  admission.ended();
  admission.admit(601);
  expect(attended).toHaveLength(512);
  await turn();
  expect(attended.slice(512)).toEqual([600, 601]);
});

test("one turn of the event loop takes up 256 of those who wait, the next ones the rest", async () => {
  const { admission, attended } = counting();
  for (let request = 1_000; request < 1_600; request++) admission.admit(request);
  admission.ended();
  const taken: number[] = [];
  for (let count = 0; count < 4; count++) {
    await turn();
    taken.push(attended.length - 512);
  }
  expect(taken).toEqual([256, 512, 600, 600]);
});

test("nobody is taken up while 512 are at work", async () => {
  const { admission, attended } = counting();
  for (const request of [600, 601, 602]) admission.admit(request);
  await turn();
  expect(attended).toHaveLength(512);
  admission.ended();
  await turn();
  await turn();
  expect(attended.slice(512)).toEqual([600]);
});

test("it is idle when nothing is at work, whoever waits", async () => {
  const { admission } = counting();
  admission.admit(600);
  expect([...admission.dismiss()]).toEqual([600]);
  let idle = false;
  const waited = admission.idle().then(() => (idle = true));
  for (let request = 0; request < 511; request++) admission.ended();
  await turn();
  expect(idle).toBe(false);
  admission.ended();
  await waited;
  await admission.idle();
});

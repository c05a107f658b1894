// A log that cannot be written loses lines, and says so when it can be again; whoever logs never notices.

import { expect, test } from "vitest";
import { createLogDestination } from "#broker/log-destination.ts";

/** A file descriptor with so much room; it takes `most` bytes at once. */
function disk(most = Infinity) {
  const state = { room: Infinity, text: "" };
  const write = (bytes: Buffer): number => {
    if (state.room <= 0) throw new Error("ENOSPC: no space left on device, write");
    const taken = bytes.subarray(0, Math.min(bytes.length, most, state.room));
    state.text += taken.toString();
    state.room -= taken.length;
    return taken.length;
  };
  return { state, write };
}

test("lines are written whole, however little is taken in at once", () => {
  const { state, write } = disk(3);
  const destination = createLogDestination(write);
  destination.write("one line\n");
  destination.write("öther line\n");
  expect(state.text).toBe("one line\nöther line\n");
  expect(destination.lost()).toBe(0);
});

test("what could not be written is counted, and told before the next line that can be", () => {
  const { state, write } = disk();
  const destination = createLogDestination(write);
  destination.write("before\n");
  state.room = 0;
  destination.write("lost\n");
  destination.write("lost too\n");
  expect(destination.lost()).toBe(2);
  state.room = Infinity;
  destination.write("after\n");
  destination.write("later\n");
  const [before, gap, ...rest] = state.text.split("\n");
  expect(before).toBe("before");
  expect(JSON.parse(gap ?? "")).toEqual({
    level: "warn",
    lost: 2,
    msg: "2 log lines could not be written: ENOSPC: no space left on device, write",
  });
  expect(rest).toEqual(["after", "later", ""]);
  expect(destination.lost()).toBe(2);
});

test("a line that was cut short does not spoil the one behind it", () => {
  const { state, write } = disk();
  const destination = createLogDestination(write);
  state.room = 4;
  destination.write("cut short\n");
  state.room = Infinity;
  destination.write("whole\n");
  expect(state.text.split("\n")).toEqual([
    "cut ",
    expect.stringContaining("1 log lines"),
    "whole",
    "",
  ]);
});

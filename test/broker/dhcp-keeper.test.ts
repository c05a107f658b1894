// The DHCP socket follows the bridge: from one that was made anew before anybody looked, and until it is open on the newest.

import { expect, test } from "vitest";
import { createDhcpKeeper } from "#broker/dhcp-keeper.ts";
import { waitFor } from "#test/netns/wait-for.ts";

/** A socket that opens on the bridge there is; `fails` counts how often it will not. */
function world({ link, bridge, fails = 0 }: { link?: number; bridge: number; fails?: number }) {
  const state = { link, bridge: bridge as number | undefined, fails, reopened: 0, looks: 0 };
  const troubles: string[] = [];
  const keeper = createDhcpKeeper({
    socket: {
      get link() {
        return state.link;
      },
      async reopen() {
        state.link = undefined;
        if (state.fails-- > 0) throw new Error("there is no link cni0");
        state.link = state.bridge;
      },
    },
    bridgeIndex: () => {
      state.looks++;
      return state.bridge;
    },
    reopened: () => void state.reopened++,
    trouble: (_what, error) => troubles.push(error.message),
  });
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  return {
    state,
    troubles,
    /** Looks once more, and waits until that look is over. */
    async look(): Promise<void> {
      const looks = state.looks;
      keeper.touch();
      await waitFor(() => state.looks > looks || undefined, { what: "another look" });
      await new Promise((resolve) => setImmediate(resolve));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

test.each([
  { of: "a bridge that was made anew before the keeper came", link: 3, bridge: 4 },
  { of: "one that was made anew while the socket was opened", bridge: 4 },
])("$of is followed at the first look", async (given) => {
  await using node = world(given);
  await waitFor(() => node.state.reopened === 1 || undefined, { what: "the reopening" });
  expect(node.state.link).toBe(4);
});

test("a socket on the bridge there is stays open, also while there is none for a moment", async () => {
  await using node = world({ link: 3, bridge: 3 });
  await node.look();
  node.state.bridge = undefined;
  await node.look();
  expect(node.state).toMatchObject({ link: 3, reopened: 0 });
  node.state.bridge = 5;
  await node.look();
  expect(node.state).toMatchObject({ link: 5, reopened: 1 });
});

test("a socket that cannot be opened is told of and tried again", async () => {
  await using node = world({ link: 3, bridge: 4, fails: 2 });
  await node.look();
  await node.look();
  expect(node.state).toMatchObject({ link: 4, reopened: 1 });
  expect(node.troubles).toEqual(["there is no link cni0", "there is no link cni0"]);
});

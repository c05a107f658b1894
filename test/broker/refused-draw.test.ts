// A command that drew a cooling address and is refused gives it back to whom it was kept for.

import { expect, test } from "vitest";
import { decideGuestRelease } from "#core/guest.ts";
import { guestKey } from "#core/ledger.ts";
import { leasesOf, mac } from "#test/core/lease-fixtures.ts";
import { FIRST, refusal, refuse, writer } from "./refused-world.ts";

test.each(["a full pool", "an address asked for"])(
  "%s: what cooled for a name, or as a guest's last address, is kept for them after a refusal",
  async (why) => {
    for (const keeper of ["name", "guest"]) {
      const { add, request, leasing, ledger, hold, answer, del, idle } = writer();
      if (keeper === "name") await add("pod", 1, [FIRST], mac(7), "pod-0");
      else await request(7, FIRST, 60);
      for (const id of ["c", "d", "e", "f"]) await add(id, 2);
      if (keeper === "name") await del("pod", 3);
      else
        await leasing.submit("RELEASE", (state, moment) =>
          decideGuestRelease(state, mac(7), FIRST, moment, "dhcp-release"),
        );
      const before = ledger.lease(FIRST);
      hold();
      const asked = why === "a full pool" ? [] : [FIRST];
      const refused = expect(add("b", 4, asked)).rejects.toMatchObject(refusal);
      await answer(refuse);
      await refused;
      await idle();
      expect(ledger.lease(FIRST)).toEqual({ ...before, sequence: expect.any(Number) });
      if (keeper === "guest")
        expect(ledger.cooledBy(guestKey(mac(7))).map((lease) => lease.ip)).toEqual([FIRST]);
      else
        expect(
          leasesOf(await add("again", 5, [], mac(6), "pod-0")).map(({ ip: at }) => at),
        ).toEqual([FIRST]);
    }
  },
);

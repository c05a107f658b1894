// The demo as the README names it: it succeeds, and the machine is as it was.
import { join } from "node:path";
import { expect, test } from "vitest";
import { descendants, picture } from "#test/demo/machine.ts";
import { attempt } from "#test/netns/process.ts";

const demo = (name: string): string => join(import.meta.dirname, name);
const DEMO_LIMIT_MS = 240_000;
/** The build is the caller's: it must not change under the tests that run beside this one. */
const ENVIRONMENT = { DEMO_NO_BUILD: "1", COCOON_NET_DEMO_MARK: `demo-${process.pid}` };

test.each([
  { what: "demo.sh", with: "a virtual machine", DEMO_VM: "1" },
  { what: "demo.sh", with: "a DHCP client in a namespace", DEMO_VM: "0" },
  { what: "demo-gke.sh", with: "a fake GKE", DEMO_VM: "0" },
  { what: "demo-volcengine.sh", with: "a fake Volcengine", DEMO_VM: "0" },
])(
  "$what with $with succeeds and leaves nothing behind",
  async ({ what, DEMO_VM }) => {
    const before = await picture();
    const env = { ...ENVIRONMENT, DEMO_VM };
    const output = await attempt([demo(what)], { env, limit: DEMO_LIMIT_MS });
    const after = await picture();
    expect(output.code, output.stdout + output.stderr).toBe(0);
    expect(after).toEqual(before);
    expect(await descendants(`COCOON_NET_DEMO_MARK=${ENVIRONMENT.COCOON_NET_DEMO_MARK}`)).toEqual(
      [],
    );
  },
  DEMO_LIMIT_MS,
);

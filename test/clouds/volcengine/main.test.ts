// The fake as its own process: what it prints, how its socket drives it, and that it ends cleanly.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { AT_ONCE } from "./open-fake.ts";
import { ask } from "./signed-request.ts";
import { GROUP, HOST_SUBNET, NODES, standardScenario } from "./standard-scenario.ts";

async function drive(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const sent = request({ socketPath, method, path });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(sent, "response")) as [NodeJS.ReadableStream];
  return JSON.parse(await text(response));
}

it("serves the API, the metadata and the control socket until it is told to end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fake-volcengine-"));
  const [state, control] = [join(folder, "scenario.json"), join(folder, "control.sock")];
  writeFileSync(state, JSON.stringify(standardScenario({ settings: AT_ONCE })));
  const main = new URL("main.ts", import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [main, "--state", state, "--control", control, "--metadata", `${NODES[0]}=127.0.0.1:0`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const open = JSON.parse(line) as { api: string; metadata: Record<string, string> };
    expect(await (await fetch(`${open.metadata[NODES[0]]}/latest/instance_id`)).text()).toBe(
      NODES[0],
    );
    const made = await ask(open.api, "CreateNetworkInterface", {
      SubnetId: HOST_SUBNET,
      "SecurityGroupIds.1": GROUP,
    });
    const eni = String(made.result["NetworkInterfaceId"]);
    const waiting = drive(control, "GET", "/changes?after=0&wait=20");
    await ask(open.api, "AttachNetworkInterface", {
      NetworkInterfaceId: eni,
      InstanceId: NODES[0],
    });
    expect(await waiting).toMatchObject([
      { number: 1, change: { kind: "attach", eni, instance: NODES[0], subnetId: HOST_SUBNET } },
    ]);
    expect(await drive(control, "GET", "/audit")).toMatchObject({
      clean: false,
      enisLeft: [{ id: eni }],
    });
    expect(await drive(control, "GET", "/calls")).toMatchObject({
      counts: { CreateNetworkInterface: 1, AttachNetworkInterface: 1 },
      unexpected: [],
    });
    await drive(control, "POST", "/faults", { call: "DescribeVpcs", nth: 1, kind: "throttle" });
    expect((await ask(open.api, "DescribeVpcs")).status).toBe(429);
    await drive(control, "POST", "/state-change", { kind: "skew", ms: 3_600_000 });
    expect((await ask(open.api, "DescribeVpcs")).code).toBe("InvalidTimestamp");
    expect(await drive(control, "POST", "/state-change", { kind: "nothing" })).toHaveProperty(
      "error",
    );
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});

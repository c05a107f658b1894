// The fake as a process of its own, driven through its control socket.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { NODE_1, control } from "./calls.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;
const FLAVOR = { "Metadata-Flavor": "Google" };

interface Places {
  readonly listen: readonly string[];
  readonly metadata: readonly string[];
}

async function start(folder: string) {
  const scenario = join(folder, "scenario.json");
  await writeFile(
    scenario,
    JSON.stringify({ project: "demo-project", options: { tokenSeconds: 9 } }),
  );
  const listen = ["--listen", "127.0.0.1:0", "--metadata", "gke-demo-pool-2=127.0.0.1:0"];
  const files = ["--control", join(folder, "control.sock"), "--state", scenario];
  const child = spawn(process.execPath, [MAIN, ...listen, ...files]);
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, places: JSON.parse(line) as Places };
}

test("serves, fails as it is told, tells what happened, and ends", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fake-gce-"));
  const socket = join(folder, "control.sock");
  const { child, places } = await start(folder);
  const ended = once(child, "exit");
  try {
    const [url = ""] = places.listen;
    const [other = ""] = places.metadata;
    const name = await fetch(`${other}/computeMetadata/v1/instance/name`, { headers: FLAVOR });
    expect(await name.text()).toBe("gke-demo-pool-2");
    const path = "/computeMetadata/v1/instance/service-accounts/default/token";
    const token = (await (await fetch(`${url}${path}`, { headers: FLAVOR })).json()) as {
      access_token: string;
      expires_in: number;
    };
    expect(token.expires_in).toBe(9);
    const headers = { authorization: `Bearer ${token.access_token}` };
    const get = async () => (await fetch(`${url}/compute/v1/${NODE_1}`, { headers })).status;
    expect(await get()).toBe(200);

    await control(socket, "POST", "/faults", [{ call: "instances.get", kind: "fail-before" }]);
    expect(await get()).toBe(503);
    expect(await control(socket, "GET", "/faults")).toEqual([]);
    expect(await control(socket, "POST", "/faults", { call: "x" })).toHaveProperty("error");
    expect(await control(socket, "POST", "/state-change", { kind: "?" })).toHaveProperty("error");

    const waiting = control(socket, "GET", "/changes?after=0&wait=30");
    const alias = { ipCidrRange: "10.6.1.0/24", subnetworkRangeName: "gke-demo-pods" };
    const instance = "gke-demo-pool-1";
    await control(socket, "POST", "/state-change", { kind: "add-foreign-alias", instance, alias });
    expect(await waiting).toMatchObject([
      { number: 1, change: { kind: "aliases", instance, added: ["10.6.1.0/24"] } },
      { number: 2, change: { kind: "metadata", instance } },
    ]);
    expect(await control(socket, "GET", "/audit")).toMatchObject({ ours: [], foreignLost: [] });
    expect(await control(socket, "GET", "/calls")).toMatchObject({
      counts: { "instances.get": 2, "metadata.get": 1, "metadata.token": 1 },
      unexpected: [],
    });
    expect(await control(socket, "GET", "/state")).toHaveProperty("pendingOperations", []);
    expect(await control(socket, "GET", "/nowhere")).toHaveProperty("error");
  } finally {
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    await rm(folder, { recursive: true });
  }
});

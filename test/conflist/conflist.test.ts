// The conflists word for word, the versions they offer, and the plugins' own answers.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type ContainerConflistOptions,
  commonVersions,
  containerConflist,
  defaultSocket,
  defaultSpool,
  guestConflist,
} from "#conflist/conflist.ts";
import { probePlugin, probeVersions } from "#conflist/probe.ts";

/** Where Debian's package containernetworking-plugins puts its binaries. */
const debianPlugins = "/usr/lib/cni";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cocoon-conflist-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const old = { plugin: "bridge", versions: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"] };
const current = { plugin: "cocoon-ipam", versions: [...old.versions, "1.1.0"] };
const options: ContainerConflistOptions = {
  bridge: "cni0",
  mtu: 1_460,
  plugins: [old, current],
  socket: defaultSocket,
  spool: defaultSpool,
};

test("the containers' conflist is worded as specified", () => {
  const { fileName, network, text } = containerConflist(options);
  expect({ fileName, network }).toEqual({
    fileName: "29-cocoon-net.conflist",
    network: "cocoon-net",
  });
  expect(text).toBe(`{
  "cniVersion": "1.0.0",
  "cniVersions": [
    "0.3.1",
    "0.4.0",
    "1.0.0"
  ],
  "name": "cocoon-net",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isGateway": false,
      "ipMasq": false,
      "hairpinMode": true,
      "mtu": 1460,
      "ipam": {
        "type": "cocoon-ipam",
        "routes": [
          {
            "dst": "0.0.0.0/0"
          }
        ]
      },
      "capabilities": {
        "ips": true,
        "ipRanges": true,
        "mac": true,
        "dns": true,
        "io.kubernetes.cri.pod-annotations": true
      }
    }
  ]
}
`);
});

test("the guests' conflist equals the Go version's", () => {
  const { fileName, network, text } = guestConflist("cni0");
  expect({ fileName, network }).toEqual({
    fileName: "30-cocoon-dhcp.conflist",
    network: "cocoon-dhcp",
  });
  expect(JSON.parse(text)).toEqual({
    cniVersion: "1.0.0",
    name: "cocoon-dhcp",
    plugins: [{ type: "bridge", bridge: "cni0", isGateway: false, ipMasq: false, ipam: {} }],
  });
});

test("socket and spool are named only where they are not the default", () => {
  const { text } = containerConflist({
    ...options,
    socket: "/run/two/broker.sock",
    spool: "/var/two/spool",
  });
  expect(JSON.parse(text).plugins[0].ipam).toEqual({
    type: "cocoon-ipam",
    routes: [{ dst: "0.0.0.0/0" }],
    socket: "/run/two/broker.sock",
    spool: "/var/two/spool",
  });
});

test.each([
  [
    "all know 1.1.0: runtimes that read only cniVersion still get 1.0.0",
    [current, current],
    ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    "1.0.0",
  ],
  ["one stops at 1.0.0", [old, current], ["0.3.1", "0.4.0", "1.0.0"], "1.0.0"],
  [
    "one stops at 0.4.0",
    [{ plugin: "bridge", versions: ["0.3.1", "0.4.0"] }, current],
    ["0.3.1", "0.4.0"],
    "0.4.0",
  ],
  [
    "an unknown version is not offered",
    [{ plugin: "bridge", versions: ["1.0.0", "9.0.0"] }],
    ["1.0.0"],
    "1.0.0",
  ],
])("%s", (_, plugins, versions, plain) => {
  expect(commonVersions(plugins)).toEqual(versions);
  expect(JSON.parse(containerConflist({ ...options, plugins }).text)).toMatchObject({
    cniVersion: plain,
    cniVersions: versions,
  });
});

test.each([[[]], [[old, { plugin: "cocoon-ipam", versions: ["9.0.0"] }]]])(
  "no common version is an error that lists what each plugin knows",
  (plugins) => {
    expect(() => containerConflist({ ...options, plugins })).toThrow(
      expect.objectContaining({
        code: "unsupported-version",
        hint: expect.stringContaining("--cni-bin-dir"),
      }),
    );
  },
);

test("Debian's plugins tell their versions", async () => {
  const answers = await probeVersions(debianPlugins, ["bridge", "host-local"]);
  expect(answers.map(({ plugin }) => plugin)).toEqual(["bridge", "host-local"]);
  for (const { versions } of answers)
    expect(versions).toEqual(expect.arrayContaining(["0.4.0", "1.0.0"]));
});

test("a plugin gets no part of our environment", async () => {
  const binary = script(
    `echo "{\\"supportedVersions\\":[\\"$CNI_COMMAND\\",\\"\${HOME:-none}\\"]}"`,
  );
  expect(await probePlugin(binary)).toEqual(["VERSION", "none"]);
});

test.each([
  ["exits with an error", "echo trouble; exit 3", "exit code 3: trouble"],
  ["answers no JSON", "echo hello", "JSON"],
  ["answers without versions", "echo '{}'", "supportedVersions"],
  [
    "never stops talking",
    "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
    "bytes of answer",
  ],
  ["dies", "kill -9 $$", "SIGKILL"],
])("a plugin that %s is an error with its path and the next step", async (_, body, reason) => {
  const binary = script(body);
  await expect(probePlugin(binary)).rejects.toMatchObject({
    code: "system-failure",
    message: expect.stringContaining(binary),
    hint: expect.stringContaining("--cni-bin-dir"),
  });
  await expect(probePlugin(binary)).rejects.toThrow(reason);
});

test("a plugin that hangs is killed, and one that is not there is named", async () => {
  await expect(probePlugin(script("exec sleep 60"))).rejects.toThrow("no answer within 5 s");
  await expect(probePlugin(join(folder, "missing"))).rejects.toThrow(join(folder, "missing"));
}, 20_000);

function script(body: string): string {
  const path = join(folder, "plugin");
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

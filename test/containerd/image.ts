// A container image made on the spot: busybox in one layer, in the OCI layout that `ctr image import` reads.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "#test/netns/process.ts";

export const IMAGE_NAME = "cocoon-net.test/busybox:latest";
const APPLETS = ["sh", "sleep", "ip", "ping", "cat", "nc", "hostname", "ifconfig", "route"];
const FOLDERS = ["bin", "dev", "etc", "proc", "sys", "tmp"];
const MEDIA = "application/vnd.oci.image";

type Blob = { mediaType: string; digest: string; size: number };

/** Writes the image's archive into `folder` and gives its path. */
export async function buildImage(folder: string): Promise<string> {
  const layer = await packLayer(folder);
  const layout = join(folder, "layout");
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  const layerBlob = await addBlob(layout, `${MEDIA}.layer.v1.tar`, layer);
  const config = await addJson(layout, `${MEDIA}.config.v1+json`, {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["sleep", "100000"] },
    rootfs: { type: "layers", diff_ids: [layerBlob.digest] },
  });
  const manifest = await addJson(layout, `${MEDIA}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${MEDIA}.manifest.v1+json`,
    config,
    layers: [layerBlob],
  });
  const annotations = { "io.containerd.image.name": IMAGE_NAME };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  await writeFile(join(layout, "index.json"), JSON.stringify(index));
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const archive = join(folder, "image.tar");
  await run(["tar", "-C", layout, "-cf", archive, "."]);
  return archive;
}

async function packLayer(folder: string): Promise<Buffer> {
  const root = join(folder, "root");
  for (const name of FOLDERS) {
    await mkdir(join(root, name), { recursive: true });
  }
  const busybox = (await run(["sh", "-c", "command -v busybox"])).trim();
  await copyFile(busybox, join(root, "bin/busybox"));
  for (const applet of APPLETS) {
    await symlink("busybox", join(root, "bin", applet));
  }
  const archive = join(folder, "layer.tar");
  await run(["tar", "-C", root, "--owner=0", "--group=0", "-cf", archive, "."]);
  return readFile(archive);
}

async function addJson(layout: string, mediaType: string, value: object): Promise<Blob> {
  return addBlob(layout, mediaType, Buffer.from(JSON.stringify(value)));
}

async function addBlob(layout: string, mediaType: string, bytes: Buffer): Promise<Blob> {
  const hash = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(layout, "blobs/sha256", hash), bytes);
  return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
}

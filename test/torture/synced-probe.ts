// A process for the test of the synced file: writes in three ways and tells after each what a power cut would leave.

import { spawnSync } from "node:child_process";
import { closeSync, constants, fdatasyncSync, openSync, writeSync } from "node:fs";
import { argv, stdout } from "node:process";
import { openSyncedFile } from "./synced-file.ts";

/** More than a child takes. */
const MANY = 32;

const [, , path = ""] = argv;
const disk = openSyncedFile();
disk.track(path);
const tell = (when: string): void =>
  void stdout.write(`${when}: ${JSON.stringify(disk.image().toString())}\n`);

const plain = openSync(path, "w+");
writeSync(plain, "written ", 0);
tell("written");
fdatasyncSync(plain);
tell("synced");
writeSync(plain, "again ", 8);
tell("written behind it");
const direct = openSync(path, constants.O_WRONLY | constants.O_DSYNC);
writeSync(direct, "W", 0);
tell("written through a descriptor that syncs");
fdatasyncSync(plain);
tell("all synced");
closeSync(direct);
closeSync(plain);
// Node closes by a bare system call: what a child needs gets the numbers that these descriptors had.
const many = Array.from({ length: MANY }, () => openSync(path, "r+"));
for (const one of many) closeSync(one);
tell(`a child after them ended ${spawnSync("true").signal ?? "by itself"}`);

// Run in a namespace where packets to the metadata servers are lost: asks both, then prints what is still open.
import { setTimeout as delay } from "node:timers/promises";
import { Metadata } from "#provision/gke/metadata.ts";
import { processTiming } from "#provision/retry.ts";
import { METADATA_ENDPOINT, openMetadata } from "#provision/volcengine/metadata.ts";

const MAX_TURNS = 100;
const TURN_MS = 10;

const never = new AbortController().signal;
const options = { host: undefined, timing: processTiming, callDeadline: 900 };
const identities = await Promise.all([
  new Metadata(options).identity(never),
  openMetadata(METADATA_ENDPOINT).identity(never),
]);
const open = () => process.getActiveResourcesInfo().filter((name) => /TCP|Connect/.test(name));
// A socket that was ended goes within some turns of the loop; one that still connects stays for seconds.
for (let turn = 0; turn < MAX_TURNS && open().length > 0; turn++) await delay(TURN_MS);
console.log(JSON.stringify({ found: identities.filter((one) => one !== undefined), open: open() }));

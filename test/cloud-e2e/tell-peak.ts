// Preloaded by NODE_OPTIONS: writes the process's peak of resident memory, in KiB, to the file that TOLD_PEAK names.
import { writeFileSync } from "node:fs";

const file = process.env["TOLD_PEAK"];
if (file === undefined) throw new Error("TOLD_PEAK names no file");
process.on("exit", () => writeFileSync(file, String(process.resourceUsage().maxRSS)));

// Preloaded by NODE_OPTIONS: appends the URL of each module that the process loads to the file that TOLD_MODULES names.
import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

const file = process.env["TOLD_MODULES"];
if (file === undefined) throw new Error("TOLD_MODULES names no file");
registerHooks({
  load(url, context, next) {
    appendFileSync(file, `${url}\n`);
    return next(url, context);
  },
});

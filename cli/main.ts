// The cocoon-net process: one command line.

import { processContext } from "./context.ts";
import { runCommandLine } from "./program.ts";

await runCommandLine(process.argv, processContext());

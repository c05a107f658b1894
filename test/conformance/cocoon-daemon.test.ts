// The cases once more, through the daemon as it ships: ledger on disk, routes in a kernel, a process of its own.

import { cocoonDaemon } from "./cocoon-daemon.ts";
import { conformanceSuite } from "./suite.ts";

conformanceSuite(cocoonDaemon, { eachVersion: ["1.1.0"] });

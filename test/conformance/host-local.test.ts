// The harness checked on Debian's host-local.

import { hostLocal } from "./host-local.ts";
import { conformanceSuite } from "./suite.ts";

conformanceSuite(hostLocal);

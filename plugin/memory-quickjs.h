/* Memory for the script engine, bounded by the engine's own limit. */
#include "quickjs.h"

extern const JSMallocFunctions engine_memory;

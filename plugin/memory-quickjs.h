/* Memory for the script engine, bounded by the engine's own limit, and the image of the prepared engine in it. */
#include "quickjs.h"

/* The section of the executable that build.ts fills with the image. */
#define IMAGE_SECTION ".engine"

/* The engine as a call finds it; `runtime` is NULL in an executable that has no image yet. */
struct engine {
  JSRuntime *runtime;
  JSContext *ctx;
  /* The function that serves the call. */
  JSValue serve;
};

extern const JSMallocFunctions engine_memory;

struct engine *engine_image(void);
/* Ends the image: what is taken from now on is the call's. -1 when the image did not hold all. */
int seal_image(void);
/* -1 with errno when it cannot be written. */
int write_image(int descriptor);

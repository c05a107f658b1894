/* Runs the plugin's bytecode in QuickJS: prepares the descriptors and the engine, and answers if the script cannot. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host-quickjs.h"
#include "memory-quickjs.h"

/* Made by qjsc from the bundled TypeScript. */
extern const uint8_t plugin_bytecode[];
extern const uint32_t plugin_bytecode_size;

enum { MEMORY_LIMIT_BYTES = 64 * 1024 * 1024, STACK_LIMIT_BYTES = 1024 * 1024 };

/* CNI error 999 (internal): standard output is never left empty by a failure. */
static const char last_resort[] =
    "{\"cniVersion\":\"1.1.0\",\"code\":999,\"msg\":\"cocoon-ipam stopped on an internal error\","
    "\"details\":\"its script did not finish; the reason is on standard error\"}\n";

static int give_up(const char *reason) {
  fprintf(stderr, "cocoon-ipam: %s\n", reason);
  for (size_t done = 0; done < sizeof last_resort - 1;) {
    ssize_t count = write(STDOUT_FILENO, last_resort + done, sizeof last_resort - 1 - done);
    if (count <= 0) break;
    done += (size_t)count;
  }
  return 1;
}

static int give_up_on_exception(JSContext *ctx) {
  JSValue exception = JS_GetException(ctx);
  const char *reason = JS_ToCString(ctx, exception);
  return give_up(reason ? reason : "the script failed without a reason");
}

/* A closed standard descriptor would be given to the socket; each gets one that refuses its use instead. */
static int fill_standard_descriptors(void) {
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    if (open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) return -1;
  }
  return 0;
}

int main(void) {
  if (fill_standard_descriptors() < 0) return 1;
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return give_up("SIGPIPE cannot be ignored");
  JSRuntime *runtime = JS_NewRuntime2(&engine_memory, NULL);
  if (!runtime) return give_up("no memory for the script engine");
  JS_SetMemoryLimit(runtime, MEMORY_LIMIT_BYTES);
  JS_SetMaxStackSize(runtime, STACK_LIMIT_BYTES);
  JSContext *ctx = JS_NewContextRaw(runtime);
  if (!ctx) return give_up("no memory for the script's context");
  /* Only what the script uses: each further part of the language costs start-up time. */
  JS_AddIntrinsicBaseObjects(ctx);
  JS_AddIntrinsicJSON(ctx);
  JS_AddIntrinsicTypedArrays(ctx);
  JS_AddIntrinsicPromise(ctx);
  if (add_host(ctx) < 0) return give_up("no memory for the system calls");
  JSValue script = JS_ReadObject(ctx, plugin_bytecode, plugin_bytecode_size, JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
  if (JS_IsException(script)) return give_up_on_exception(ctx);
  JSValue result = JS_EvalFunction(ctx, script);
  if (JS_IsException(result)) return give_up_on_exception(ctx);
  JSContext *job;
  int state;
  while ((state = JS_ExecutePendingJob(runtime, &job)) > 0) continue;
  /* The script ends the process itself; to be here is a failure. */
  return state < 0 ? give_up_on_exception(job) : give_up("the script ended without an exit code");
}

/* Runs the plugin's bytecode in QuickJS: prepares the engine once, at the build; serves a call, and answers if the script cannot. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
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

static const char *reason_of_exception(JSContext *ctx) {
  JSValue exception = JS_GetException(ctx);
  const char *reason = JS_ToCString(ctx, exception);
  return reason ? reason : "the script failed without a reason";
}

/* Only the seed of Math.random asks, which nobody uses: a time in the image would make each build another one. */
int __wrap_gettimeofday(struct timeval *now, void *zone);
int __wrap_gettimeofday(struct timeval *now, void *zone) {
  (void)zone;
  *now = (struct timeval){.tv_sec = 1};
  return 0;
}

/* A closed standard descriptor would be given to the socket; each gets one that refuses its use instead. */
static int fill_standard_descriptors(void) {
  struct pollfd items[] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
  if (poll(items, 3, 0) == 0) return 0;
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (!(items[descriptor].revents & POLLNVAL)) continue;
    if (open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) return -1;
  }
  return 0;
}

/* The engine with the script run up to where a call begins; NULL, or why not. */
static const char *prepare(struct engine *engine) {
  JSRuntime *runtime = JS_NewRuntime2(&engine_memory, NULL);
  if (!runtime) return "no memory for the script engine";
  JS_SetMemoryLimit(runtime, MEMORY_LIMIT_BYTES);
  JS_SetMaxStackSize(runtime, STACK_LIMIT_BYTES);
  JSContext *ctx = JS_NewContextRaw(runtime);
  if (!ctx) return "no memory for the script's context";
  /* Only what the script uses: each further part of the language makes the image larger. */
  JS_AddIntrinsicBaseObjects(ctx);
  JS_AddIntrinsicJSON(ctx);
  JS_AddIntrinsicTypedArrays(ctx);
  JS_AddIntrinsicPromise(ctx);
  if (add_host(ctx) < 0) return "no memory for the system calls";
  JSValue script = JS_ReadObject(ctx, plugin_bytecode, plugin_bytecode_size, JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
  if (JS_IsException(script)) return reason_of_exception(ctx);
  if (JS_IsException(JS_EvalFunction(ctx, script))) return reason_of_exception(ctx);
  JSContext *job;
  int state;
  while ((state = JS_ExecutePendingJob(runtime, &job)) > 0) continue;
  if (state < 0) return reason_of_exception(job);
  JSValue serve = served_by_script(ctx);
  if (!JS_IsFunction(ctx, serve)) return "the script left nothing that serves a call";
  *engine = (struct engine){.runtime = runtime, .ctx = ctx, .serve = serve};
  return NULL;
}

static void *prepare_image(void *failure) {
  *(const char **)failure = prepare(engine_image());
  return NULL;
}

/* Named by packaging/engine-image.ts. */
#define PREPARE "--prepare"

/*
 * What build.ts asks of an executable without an image: writes it to standard output. The engine remembers where the stack
 * is, and the kernel puts that elsewhere each time: it is prepared on a stack of its own, so that all images are the same.
 */
static int make_image(void) {
  static _Alignas(4096) uint8_t stack[2 * STACK_LIMIT_BYTES];
  const char *failure = NULL;
  pthread_attr_t attributes;
  pthread_t thread;
  if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, sizeof stack) ||
      pthread_create(&thread, &attributes, prepare_image, &failure) || pthread_join(thread, NULL))
    return give_up("there is no thread to prepare the script engine");
  if (failure) return give_up(failure);
  if (seal_image() < 0) return give_up("the image is too small for the script engine");
  return write_image(STDOUT_FILENO) < 0 ? 1 : 0;
}

static int serve(const struct engine *engine) {
  JS_UpdateStackTop(engine->runtime);
  JSValue result = JS_Call(engine->ctx, engine->serve, JS_UNDEFINED, 0, NULL);
  if (JS_IsException(result)) return give_up(reason_of_exception(engine->ctx));
  JSContext *job;
  int state;
  while ((state = JS_ExecutePendingJob(engine->runtime, &job)) > 0) continue;
  /* The script ends the process itself; to be here is a failure. */
  return give_up(state < 0 ? reason_of_exception(job) : "the script ended without an exit code");
}

int main(int argc, char **argv) {
  if (fill_standard_descriptors() < 0) return 1;
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return give_up("SIGPIPE cannot be ignored");
  struct engine *engine = engine_image();
  if (engine->runtime) return serve(engine);
  /* A runtime gives no arguments: to it, an executable that was not finished must not seem to have done anything. */
  if (argc == 2 && strcmp(argv[1], PREPARE) == 0) return make_image();
  return give_up("the executable has no prepared script engine; build it again");
}

/* Gives the plugin's script in QuickJS the system calls it needs; every failure is returned as -errno. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host-quickjs.h"
#include "text-quickjs.h"

enum { MAX_RANDOM_BYTES = 64 };

#define RETRY(call) ({ ssize_t result_; do result_ = (call); while (result_ < 0 && errno == EINTR); result_; })
#define ARGUMENTS JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv

static JSValue outcome(JSContext *ctx, ssize_t result) {
  return JS_NewInt64(ctx, result < 0 ? -errno : result);
}

static JSValue process_id(ARGUMENTS) {
  (void)self; (void)argc; (void)argv;
  return JS_NewInt32(ctx, getpid());
}

static JSValue boottime(ARGUMENTS) {
  (void)self; (void)argc; (void)argv;
  struct timespec now;
  char text[32];
  if (clock_gettime(CLOCK_BOOTTIME, &now) < 0) return outcome(ctx, -1);
  snprintf(text, sizeof text, "%llu", (unsigned long long)now.tv_sec * 1000000000ull + (unsigned long long)now.tv_nsec);
  return JS_NewString(ctx, text);
}

static JSValue random_hex(ARGUMENTS) {
  (void)self; (void)argc;
  int32_t count;
  uint8_t bytes[MAX_RANDOM_BYTES];
  char text[2 * MAX_RANDOM_BYTES + 1];
  if (JS_ToInt32(ctx, &count, argv[0])) return JS_EXCEPTION;
  if (count < 1 || count > MAX_RANDOM_BYTES) return JS_ThrowRangeError(ctx, "random bytes out of range");
  ssize_t got = RETRY(getrandom(bytes, (size_t)count, 0));
  if (got < 0) return outcome(ctx, got);
  if (got != count) return JS_NewInt32(ctx, -EIO);
  for (int32_t index = 0; index < count; index++) snprintf(text + 2 * index, 3, "%02x", bytes[index]);
  return JS_NewString(ctx, text);
}

/* magic: 0 reads a file, 1 creates one that must not exist, 2 opens a folder. */
static JSValue open_path(ARGUMENTS, int magic) {
  static const int flags[] = {O_RDONLY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, O_RDONLY | O_DIRECTORY};
  (void)self; (void)argc;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  ssize_t descriptor = RETRY(open(path, flags[magic] | O_CLOEXEC, 0600));
  if (descriptor >= 0 && magic == 1 && fchmod((int)descriptor, 0600) < 0) {
    int reason = errno;
    close((int)descriptor);
    unlink(path);
    errno = reason;
    descriptor = -1;
  }
  JSValue result = outcome(ctx, descriptor);
  JS_FreeCString(ctx, path);
  return result;
}

/* The bytes [offset, offset + length) of an ArrayBuffer, or NULL with an exception pending. */
static uint8_t *span(JSContext *ctx, JSValueConst *argv, int64_t *length) {
  size_t size;
  int64_t offset;
  uint8_t *bytes = JS_GetArrayBuffer(ctx, &size, argv[0]);
  if (!bytes || JS_ToInt64(ctx, &offset, argv[1]) || JS_ToInt64(ctx, length, argv[2])) return NULL;
  if (offset < 0 || *length < 0 || (uint64_t)offset > size || (uint64_t)*length > size - (uint64_t)offset) {
    JS_ThrowRangeError(ctx, "bytes outside the buffer");
    return NULL;
  }
  return bytes + offset;
}

static int wait_for(int descriptor, short events, int milliseconds) {
  struct pollfd item = {.fd = descriptor, .events = events};
  return (int)RETRY(poll(&item, 1, milliseconds));
}

/* Odd magic writes. 0 and 1 wait as long as it takes; 2 gives -EAGAIN at once where there is no input; 3 and 4 keep to the socket's timeouts. */
static JSValue transfer(ARGUMENTS, int magic) {
  (void)self; (void)argc;
  int32_t descriptor;
  int64_t length;
  if (JS_ToInt32(ctx, &descriptor, argv[0])) return JS_EXCEPTION;
  uint8_t *bytes = span(ctx, argv + 1, &length);
  if (!bytes) return JS_EXCEPTION;
  if (magic == 2) {
    int ready = wait_for(descriptor, POLLIN, 0);
    if (ready <= 0) return ready < 0 ? outcome(ctx, -1) : JS_NewInt32(ctx, -EAGAIN);
  }
  for (;;) {
    ssize_t count = magic % 2 ? RETRY(write(descriptor, bytes, (size_t)length)) : RETRY(read(descriptor, bytes, (size_t)length));
    /* A runtime may hand over descriptors that do not block. */
    if (count >= 0 || errno != EAGAIN || magic >= 2) return outcome(ctx, count);
    if (wait_for(descriptor, magic == 1 ? POLLOUT : POLLIN, -1) < 0) return outcome(ctx, -1);
  }
}

/* magic: 0 is fsync, 1 is close. */
static JSValue on_descriptor(ARGUMENTS, int magic) {
  (void)self; (void)argc;
  int32_t descriptor;
  if (JS_ToInt32(ctx, &descriptor, argv[0])) return JS_EXCEPTION;
  return outcome(ctx, magic == 0 ? RETRY(fsync(descriptor)) : close(descriptor));
}

/* magic: 0 is unlink, 1 is mkdir. */
static JSValue on_path(ARGUMENTS, int magic) {
  (void)self; (void)argc;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  int result = magic == 0 ? unlink(path) : mkdir(path, 0700);
  JSValue value = outcome(ctx, result);
  JS_FreeCString(ctx, path);
  return value;
}

static JSValue rename_path(ARGUMENTS) {
  (void)self; (void)argc;
  const char *from = JS_ToCString(ctx, argv[0]);
  if (!from) return JS_EXCEPTION;
  const char *to = JS_ToCString(ctx, argv[1]);
  if (!to) {
    JS_FreeCString(ctx, from);
    return JS_EXCEPTION;
  }
  JSValue result = outcome(ctx, rename(from, to));
  JS_FreeCString(ctx, to);
  JS_FreeCString(ctx, from);
  return result;
}

/* "device:inode" in decimal. */
static JSValue identity(ARGUMENTS) {
  (void)self; (void)argc;
  struct stat status;
  char text[64];
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  JSValue result;
  if (stat(path, &status) < 0) {
    result = outcome(ctx, -1);
  } else {
    snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
    result = JS_NewString(ctx, text);
  }
  JS_FreeCString(ctx, path);
  return result;
}

static int connect_unix(const char *path, int32_t milliseconds) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  /* SO_SNDTIMEO also bounds connect(2), which waits while the listener's backlog is full. */
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
      setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
      RETRY(connect(descriptor, (struct sockaddr *)&address, sizeof address)) < 0) {
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
  }
  return descriptor;
}

static JSValue connect_socket(ARGUMENTS) {
  (void)self; (void)argc;
  int32_t milliseconds;
  if (JS_ToInt32(ctx, &milliseconds, argv[1])) return JS_EXCEPTION;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  JSValue result = outcome(ctx, connect_unix(path, milliseconds));
  JS_FreeCString(ctx, path);
  return result;
}

static JSValue decode(ARGUMENTS) {
  (void)self; (void)argc;
  int64_t length;
  uint8_t *bytes = span(ctx, argv, &length);
  return bytes ? text_of(ctx, bytes, (size_t)length) : JS_EXCEPTION;
}

static JSValue environment(ARGUMENTS) {
  (void)self; (void)argc;
  const char *name = JS_ToCString(ctx, argv[0]);
  if (!name) return JS_EXCEPTION;
  const char *value = getenv(name);
  JS_FreeCString(ctx, name);
  return value ? text_of(ctx, (const uint8_t *)value, strlen(value)) : JS_UNDEFINED;
}

static JSValue encode(ARGUMENTS) {
  (void)self; (void)argc;
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (!text) return JS_EXCEPTION;
  JSValue bytes = JS_NewArrayBufferCopy(ctx, (const uint8_t *)text, length);
  JS_FreeCString(ctx, text);
  return bytes;
}

/* Ends the process at once: nothing is freed, the kernel does it faster. */
static JSValue leave(ARGUMENTS) {
  (void)self; (void)argc;
  int32_t code;
  if (JS_ToInt32(ctx, &code, argv[0])) return JS_EXCEPTION;
  _exit(code);
}

static const JSCFunctionListEntry calls[] = {
    JS_CFUNC_DEF("environment", 1, environment),
    JS_CFUNC_DEF("processId", 0, process_id),
    JS_CFUNC_DEF("boottime", 0, boottime),
    JS_CFUNC_DEF("randomHex", 1, random_hex),
    JS_CFUNC_MAGIC_DEF("openForReading", 1, open_path, 0),
    JS_CFUNC_MAGIC_DEF("createFile", 1, open_path, 1),
    JS_CFUNC_MAGIC_DEF("openFolder", 1, open_path, 2),
    JS_CFUNC_MAGIC_DEF("read", 4, transfer, 0),
    JS_CFUNC_MAGIC_DEF("write", 4, transfer, 1),
    JS_CFUNC_MAGIC_DEF("readAvailable", 4, transfer, 2),
    JS_CFUNC_MAGIC_DEF("receive", 4, transfer, 4),
    JS_CFUNC_MAGIC_DEF("send", 4, transfer, 3),
    JS_CFUNC_MAGIC_DEF("sync", 1, on_descriptor, 0),
    JS_CFUNC_MAGIC_DEF("close", 1, on_descriptor, 1),
    JS_CFUNC_MAGIC_DEF("remove", 1, on_path, 0),
    JS_CFUNC_MAGIC_DEF("makeFolder", 1, on_path, 1),
    JS_CFUNC_DEF("rename", 2, rename_path),
    JS_CFUNC_DEF("identity", 1, identity),
    JS_CFUNC_DEF("connect", 2, connect_socket),
    JS_CFUNC_DEF("decode", 3, decode),
    JS_CFUNC_DEF("encode", 1, encode),
    JS_CFUNC_DEF("leave", 1, leave),
};

int add_host(JSContext *ctx) {
  JSValue global = JS_GetGlobalObject(ctx);
  JSValue host = JS_NewObject(ctx);
  if (JS_IsException(host)) return -1;
  JS_SetPropertyFunctionList(ctx, host, calls, sizeof calls / sizeof calls[0]);
  int result = JS_SetPropertyStr(ctx, global, "native", host);
  JS_FreeValue(ctx, global);
  return result < 0 ? -1 : 0;
}

JSValue served_by_script(JSContext *ctx) {
  JSValue global = JS_GetGlobalObject(ctx);
  JSValue host = JS_GetPropertyStr(ctx, global, "native");
  JSValue serve = JS_GetPropertyStr(ctx, host, "serve");
  JS_FreeValue(ctx, host);
  JS_FreeValue(ctx, global);
  return serve;
}

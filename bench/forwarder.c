// The yardstick for the plugin: the same exchange with the broker by a static C program that knows nothing but its shape.
//
// forwarder
//   Reads the network configuration on standard input, sends it with the call's environment, time and namespaces to the
//   socket that the configuration names, prints what the answer wants printed, and confirms that. It trusts both sides,
//   and fails on what it did not expect: no part of it is for use.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BYTES = 64 * 1024 };

static const char *variables[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME",
                                  "CNI_ARGS",    "CNI_PATH",        "CNI_NETNS_OVERRIDE"};
static char body[MAX_BYTES], request[MAX_BYTES + 256], answer[MAX_BYTES];
static size_t length;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void add(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  length += (size_t)vsnprintf(body + length, sizeof body - length, format, arguments);
  va_end(arguments);
  if (length >= sizeof body) fail("too long");
}

static void add_string(const char *text) {
  add("\"");
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') add("\\%c", *text);
    else if ((unsigned char)*text < 0x20) add("\\u%04x", *text);
    else if (length + 2 < sizeof body) body[length++] = *text;
  }
  add("\"");
}

static void add_identity(const char *name, const char *path) {
  struct stat status;
  if (path == NULL || stat(path, &status) != 0) return;
  add(",\"%s\":{\"dev\":\"%lu\",\"ino\":\"%lu\"}", name, (unsigned long)status.st_dev, (unsigned long)status.st_ino);
}

static size_t read_file(int file, char *into, size_t size) {
  size_t used = 0;
  for (ssize_t count; (count = read(file, into + used, size - 1 - used)) > 0;) used += (size_t)count;
  into[used] = '\0';
  return used;
}

static void build_body(const char *conf) {
  struct timespec now;
  char boot[64];
  clock_gettime(CLOCK_BOOTTIME, &now);
  int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  boot[read_file(file, boot, sizeof boot) - 1] = '\0';
  close(file);
  add("{\"version\":\"0.1.0\",\"env\":{");
  const char *comma = "";
  for (size_t index = 0; index < sizeof variables / sizeof *variables; index++) {
    const char *value = getenv(variables[index]);
    if (value == NULL) continue;
    add("%s\"%s\":", comma, variables[index]);
    add_string(value);
    comma = ",";
  }
  add("},\"stdin\":");
  add_string(conf);
  add(",\"stamp\":{\"bootId\":\"%s\",\"boottime\":\"%lld%09ld\"}", boot, (long long)now.tv_sec, now.tv_nsec);
  add_identity("netns", getenv("CNI_NETNS"));
  add_identity("ownNetns", "/proc/self/ns/net");
  add("}");
}

static int connect_to(const char *conf) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *name = strstr(conf, "\"socket\":\"");
  if (name == NULL || sscanf(name, "\"socket\":\"%107[^\"]", address.sun_path) != 1) fail("no socket");
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(connection, (void *)&address, sizeof address) != 0) fail(address.sun_path);
  return connection;
}

static void post(int connection, const char *path) {
  int count = snprintf(request, sizeof request,
                       "POST %s HTTP/1.1\r\nHost: cocoon-net\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       path, length, body);
  if (write(connection, request, (size_t)count) != count) fail("write");
}

// The body of one whole answer.
static char *receive(int connection) {
  for (size_t used = 0;;) {
    ssize_t count = read(connection, answer + used, sizeof answer - 1 - used);
    if (count <= 0) fail("read");
    used += (size_t)count;
    answer[used] = '\0';
    char *end = strstr(answer, "\r\n\r\n"), *field = strcasestr(answer, "content-length: ");
    if (end == NULL || field == NULL) continue;
    if (used >= (size_t)(end + 4 - answer) + (size_t)atol(field + 16)) return end + 4;
  }
}

// The text of a string of the answer, its escapes taken out; NULL when there is none of that name.
static char *text_of(const char *json, const char *name) {
  char wanted[64];
  snprintf(wanted, sizeof wanted, "\"%s\":\"", name);
  const char *from = strstr(json, wanted);
  if (from == NULL) return NULL;
  char *text = malloc(strlen(json)), *to = text;
  for (from += strlen(wanted); *from != '"'; from++) {
    if (*from == '\\') from++;
    *to++ = *from == 'n' && from[-1] == '\\' ? '\n' : *from;
  }
  *to = '\0';
  return text;
}

int main(void) {
  static char conf[MAX_BYTES];
  read_file(STDIN_FILENO, conf, sizeof conf);
  build_body(conf);
  int connection = connect_to(conf);
  post(connection, "/v1/cni");
  const char *json = receive(connection);
  char *printed = text_of(json, "stdout"), *token = text_of(json, "confirm");
  if (printed == NULL || strstr(json, "\"exitCode\":0") == NULL) fail(json);
  size_t size = strlen(printed);
  if (write(STDOUT_FILENO, printed, size) != (ssize_t)size) return 1;
  if (token == NULL) return 0;
  length = 0;
  add("{\"confirm\":");
  add_string(token);
  add("}");
  post(connection, "/v1/cni/confirm");
  return 0;
}

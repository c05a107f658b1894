// Runs a CNI plugin many times as a runtime does, with so little work of its own that what is measured is the plugin.
//
// spawn COUNT CONCURRENCY PREFIX CONF PLUGIN
//   Starts PLUGIN COUNT times, CONCURRENCY at a time, with this process's environment, CNI_CONTAINERID=PREFIX<number>
//   and the text of the file CONF on a pipe as standard input. Prints the microseconds from before each start to after
//   each end, one call a line, then "total" and the microseconds of all. A plugin that fails, or says nothing on ADD,
//   ends the run with exit code 1 and what the plugin said. A %d in CNI_NETNS stands for the call's number.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_CONF_BYTES = 32 * 1024,  // below a pipe's capacity: the write never waits for the reader
  MAX_OUTPUT_BYTES = 64 * 1024,
  MAX_CONCURRENCY = 256,
  MAX_NAME_BYTES = 256,
};

struct call {
  pid_t pid;  // 0: free
  int output;
  uint64_t started;
};

#define NETNS "CNI_NETNS="
extern char **environ;

static uint64_t now_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "spawn: %s: %s\n", what, strerror(errno));
  exit(1);
}

static size_t read_conf(const char *path, char *into) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path);
  ssize_t length = read(file, into, MAX_CONF_BYTES);
  if (length < 0) fail(path);
  close(file);
  return (size_t)length;
}

// The environment with one more variable, whose text the caller changes for each call.
static char **environment_with(char *variable, char *netns) {
  size_t count = 0;
  while (environ[count] != NULL) count++;
  char **all = calloc(count + 2, sizeof *all);
  if (all == NULL) fail("memory");
  memcpy(all, environ, count * sizeof *all);
  all[count] = variable;
  // Its text, too, is changed for each call when it has the number's place in it.
  for (size_t index = 0; index < count; index++)
    if (strncmp(all[index], NETNS, strlen(NETNS)) == 0 && strstr(all[index], "%d") != NULL) all[index] = netns;
  return all;
}

static void name_netns(char *into, int number) {
  const char *format = getenv("CNI_NETNS"), *place = format == NULL ? NULL : strstr(format, "%d");
  if (place == NULL) return;
  snprintf(into, MAX_NAME_BYTES, NETNS "%.*s%d%s", (int)(place - format), format, number, place + 2);
}

static struct call start(char *plugin, char **environment, const char *conf, size_t length) {
  int input[2], output[2];
  if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) fail("pipe");
  if (write(input[1], conf, length) != (ssize_t)length) fail("write");
  close(input[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  char *arguments[] = {plugin, NULL};
  struct call call = {.output = output[0], .started = now_nanoseconds()};
  errno = posix_spawn(&call.pid, plugin, &actions, NULL, arguments, environment);
  if (errno != 0) fail(plugin);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  return call;
}

// Waits for any call to end, prints how long it took and frees its place.
static void finish_one(struct call *calls, int places, int must_speak) {
  int status;
  pid_t pid = waitpid(-1, &status, 0);
  uint64_t ended = now_nanoseconds();
  if (pid < 0) fail("waitpid");
  for (int place = 0; place < places; place++) {
    if (calls[place].pid != pid) continue;
    static char said[MAX_OUTPUT_BYTES];
    ssize_t length = read(calls[place].output, said, sizeof said);
    if (status != 0 || length < 0 || (must_speak && length == 0)) {
      fprintf(stderr, "spawn: wait status %d: %.*s\n", status, (int)(length < 0 ? 0 : length), said);
      exit(1);
    }
    printf("%.1f\n", (double)(ended - calls[place].started) / 1000);
    close(calls[place].output);
    calls[place].pid = 0;
    return;
  }
}

static int free_place(const struct call *calls, int places) {
  for (int place = 0; place < places; place++)
    if (calls[place].pid == 0) return place;
  return -1;
}

int main(int count, char **arguments) {
  if (count != 6) {
    fprintf(stderr, "usage: spawn COUNT CONCURRENCY PREFIX CONF PLUGIN\n");
    return 2;
  }
  int wanted = atoi(arguments[1]), places = atoi(arguments[2]);
  if (places < 1 || places > MAX_CONCURRENCY) {
    fprintf(stderr, "spawn: CONCURRENCY is not from 1 to %d\n", MAX_CONCURRENCY);
    return 2;
  }
  static char conf[MAX_CONF_BYTES], variable[MAX_NAME_BYTES], netns[MAX_NAME_BYTES], results[1 << 16];
  setvbuf(stdout, results, _IOFBF, sizeof results);
  size_t length = read_conf(arguments[4], conf);
  char **environment = environment_with(variable, netns);
  const char *verb = getenv("CNI_COMMAND");
  int must_speak = verb != NULL && strcmp(verb, "ADD") == 0;
  static struct call calls[MAX_CONCURRENCY];
  uint64_t began = now_nanoseconds();
  for (int number = 0; number < wanted; number++) {
    int place = free_place(calls, places);
    while (place < 0) {
      finish_one(calls, places, must_speak);
      place = free_place(calls, places);
    }
    snprintf(variable, sizeof variable, "CNI_CONTAINERID=%s%d", arguments[3], number);
    name_netns(netns, number);
    calls[place] = start(arguments[5], environment, conf, length);
  }
  for (int left = 0; left < places; left++)
    if (calls[left].pid != 0) {
      finish_one(calls, places, must_speak);
      left = -1;
    }
  printf("total %.1f\n", (double)(now_nanoseconds() - began) / 1000);
  return 0;
}

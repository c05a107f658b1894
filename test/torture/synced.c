/* What a power cut would leave of one file: an image of it that takes over written bytes only when they are synced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096UL
#define MAX_DESCRIPTORS 4096
#define MAX_IMAGE (64UL * 1024 * 1024)

enum { FOREIGN = 0, WRITTEN = 1, SYNCED = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char tracked[4096];
static char kinds[MAX_DESCRIPTORS];
static unsigned char *image;
static unsigned char *dirty;
static size_t image_size;
static long syncs;
/* The file behind the marked descriptors. */
static dev_t device;
static ino_t inode;

/* Follows the file of that name from now on; what it holds now counts as synced. */
void synced_track(const char *path) {
  pthread_mutex_lock(&lock);
  if (image == NULL) {
    image = malloc(MAX_IMAGE);
    dirty = calloc(MAX_IMAGE / PAGE, 1);
  }
  if (image == NULL || dirty == NULL) abort();
  memset(kinds, FOREIGN, sizeof kinds);
  memset(dirty, 0, MAX_IMAGE / PAGE);
  strncpy(tracked, path, sizeof tracked - 1);
  image_size = 0;
  int fd = open(path, O_RDONLY);
  if (fd >= 0) {
    ssize_t length = pread(fd, image, MAX_IMAGE, 0);
    image_size = length > 0 ? (size_t)length : 0;
    kinds[fd < MAX_DESCRIPTORS ? fd : 0] = FOREIGN;
    close(fd);
  }
  pthread_mutex_unlock(&lock);
}

/* Copies the image of this very moment; answers its size, or -1 when `capacity` is too small. */
long synced_copy(void *into, long capacity) {
  pthread_mutex_lock(&lock);
  long size = (long)image_size <= capacity ? (long)image_size : -1;
  if (size > 0) memcpy(into, image, (size_t)size);
  pthread_mutex_unlock(&lock);
  return size;
}

/* How often the followed file was synced. */
long synced_count(void) { return syncs; }

static void note_open(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= MAX_DESCRIPTORS) return;
  kinds[fd] = FOREIGN;
  struct stat state;
  if (tracked[0] == 0 || strcmp(path, tracked) != 0 || fstat(fd, &state) != 0) return;
  device = state.st_dev;
  inode = state.st_ino;
  kinds[fd] = (flags & O_DSYNC) != 0 ? SYNCED : WRITTEN;
}

/* Some descriptors are closed by a bare system call, which nobody sees here: their numbers may be those of other files or
   pipes by now. Also called in signal handlers: no lock, and errno stays. */
static int kind_of(int fd) {
  if (fd < 0 || fd >= MAX_DESCRIPTORS || kinds[fd] == FOREIGN) return FOREIGN;
  int before = errno;
  struct stat state;
  int same = fstat(fd, &state) == 0 && state.st_dev == device && state.st_ino == inode;
  errno = before;
  if (!same) kinds[fd] = FOREIGN;
  return kinds[fd];
}

static void fit(size_t end) {
  if (end > MAX_IMAGE) abort();
  if (end <= image_size) return;
  memset(image + image_size, 0, end - image_size);
  image_size = end;
}

static void take(int fd, off_t from, size_t length) {
  fit((size_t)from + length);
  size_t done = 0;
  while (done < length) {
    ssize_t part = pread(fd, image + from + done, length - done, from + (off_t)done);
    if (part <= 0) break;
    done += (size_t)part;
  }
}

/* The descriptor may be open for writing only: read through its name in /proc. */
static int reader_of(void) { return open(tracked, O_RDONLY | O_CLOEXEC); }

static void note_write(int fd, off_t at, ssize_t length) {
  int kind = kind_of(fd);
  if (kind == FOREIGN || length <= 0) return;
  pthread_mutex_lock(&lock);
  if (kind == SYNCED) {
    int reader = reader_of();
    if (reader < 0) abort();
    take(reader, at, (size_t)length);
    close(reader);
    syncs++;
  } else {
    for (size_t page = (size_t)at / PAGE; page <= ((size_t)at + (size_t)length - 1) / PAGE; page++) {
      if (page >= MAX_IMAGE / PAGE) abort();
      dirty[page] = 1;
    }
  }
  pthread_mutex_unlock(&lock);
}

static void note_sync(int fd) {
  if (kind_of(fd) == FOREIGN) return;
  pthread_mutex_lock(&lock);
  struct stat state;
  int reader = reader_of();
  if (reader < 0 || fstat(reader, &state) != 0) abort();
  size_t size = (size_t)state.st_size;
  fit(size);
  for (size_t page = 0; page * PAGE < size; page++) {
    if (!dirty[page]) continue;
    size_t end = (page + 1) * PAGE < size ? (page + 1) * PAGE : size;
    take(reader, (off_t)(page * PAGE), end - page * PAGE);
    dirty[page] = 0;
  }
  close(reader);
  syncs++;
  pthread_mutex_unlock(&lock);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
  int fd = real(path, flags, mode);
  note_open(fd, path, flags);
  return fd;
}

static mode_t mode_of(int flags, va_list list) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0; }

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = mode_of(flags, list);
  va_end(list);
  return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = mode_of(flags, list);
  va_end(list);
  return open_as("open64", path, flags, mode);
}

int close(int fd) {
  REAL(int, "close", int);
  if (fd >= 0 && fd < MAX_DESCRIPTORS) kinds[fd] = FOREIGN;
  return real(fd);
}

ssize_t pwrite(int fd, const void *from, size_t length, off_t at) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  ssize_t done = real(fd, from, length, at);
  note_write(fd, at, done);
  return done;
}

ssize_t pwrite64(int fd, const void *from, size_t length, off_t at) {
  return pwrite(fd, from, length, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
  ssize_t done = real(fd, parts, count, at);
  note_write(fd, at, done);
  return done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  return pwritev(fd, parts, count, at);
}

/* Behind a write the file's position is its end. */
static void note_streamed(int fd, ssize_t done) {
  if (kind_of(fd) == FOREIGN || done <= 0) return;
  note_write(fd, lseek(fd, 0, SEEK_CUR) - done, done);
}

ssize_t write(int fd, const void *from, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  ssize_t done = real(fd, from, length);
  note_streamed(fd, done);
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  ssize_t done = real(fd, parts, count);
  note_streamed(fd, done);
  return done;
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  int result = real(fd);
  if (result == 0) note_sync(fd);
  return result;
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  int result = real(fd);
  if (result == 0) note_sync(fd);
  return result;
}

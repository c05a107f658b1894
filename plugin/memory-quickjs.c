/* Memory for the script engine: small blocks from one arena, by size, because a call lives for a millisecond. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory-quickjs.h"

/* A block is a multiple of STEP bytes: HEADER bytes that tell its size, then what is used, aligned to STEP. */
enum { STEP = 16, HEADER = 8, LARGEST_KEPT = 512, LARGEST_SHELVED = 80 };
enum { IMAGE_BYTES = 256 * 1024, SHELF_BYTES = 4 * 1024, ARENA_BYTES = 1024 * 1024 };
/* In the header of a block that is not an arena's. */
enum { FOREIGN = 1 };

/*
 * All that the prepared engine consists of: build.ts runs the program once and puts what is here then into the file, so
 * that a call begins with it. Nothing in it may point to what is elsewhere in the next process: the heap, the stack.
 */
static struct {
  struct engine engine;
  /* The first free byte and the end of the arena in use. A header stands in front of an aligned block. */
  uint8_t *next, *end;
  /* Blocks that were given back, by size in steps; each begins with the next one's address. */
  void *idle[LARGEST_KEPT / STEP + 1];
  _Alignas(STEP) uint8_t arena[IMAGE_BYTES];
} image __attribute__((section(IMAGE_SECTION))) = {.next = image.arena + STEP - HEADER, .end = image.arena + IMAGE_BYTES};

/* What a call takes beside that. */
static _Alignas(STEP) uint8_t arena[ARENA_BYTES];

/* How often an arena was not enough. */
static size_t foreign_blocks;

struct engine *engine_image(void) {
  return &image.engine;
}

int seal_image(void) {
  if (foreign_blocks > 0) return -1;
  /* Blocks that are idle in it would only spread what a call takes over its pages. */
  image.next = arena + STEP - HEADER;
  memset(image.idle, 0, sizeof image.idle);
  image.end = arena + ARENA_BYTES;
  return 0;
}

int write_image(int descriptor) {
  const uint8_t *from = (const uint8_t *)&image;
  for (size_t done = 0; done < sizeof image;) {
    ssize_t count = write(descriptor, from + done, sizeof image - done);
    if (count < 0) return -1;
    done += (size_t)count;
  }
  return 0;
}

static uint64_t *header_of(void *pointer) {
  return (uint64_t *)((uint8_t *)pointer - HEADER);
}

static size_t block_bytes(size_t size) {
  return (size + HEADER + STEP - 1) / STEP * STEP;
}

static void *take_foreign(size_t bytes) {
  foreign_blocks++;
  uint8_t *block = malloc(bytes + STEP);
  if (!block) return NULL;
  *header_of(block + STEP) = bytes | FOREIGN;
  return block + STEP;
}

/* NULL when what lies between does not hold the block. */
static void *cut(uint8_t **next, const uint8_t *end, size_t bytes) {
  if (bytes > (size_t)(end - *next)) return NULL;
  void *pointer = *next + HEADER;
  *next += bytes;
  *header_of(pointer) = bytes;
  return pointer;
}

/*
 * A call changes the count of references of many objects and strings, and each page that it changes is copied by the
 * kernel: in the image they lie beside others of their size, and not among tables that are only read.
 */
static void *cut_from_shelf(size_t bytes) {
  static struct { uint8_t *next, *end; } shelves[LARGEST_SHELVED / STEP + 1];
  uint8_t **next = &shelves[bytes / STEP].next, **end = &shelves[bytes / STEP].end;
  if (bytes > (size_t)(*end - *next)) {
    if (SHELF_BYTES > (size_t)(image.end - image.next)) return NULL;
    *next = image.next;
    *end = image.next += SHELF_BYTES;
  }
  return cut(next, *end, bytes);
}

static int is_sealed(void) {
  return image.end != image.arena + IMAGE_BYTES;
}

static void *take(size_t size) {
  size_t bytes = block_bytes(size);
  if (bytes <= LARGEST_KEPT && image.idle[bytes / STEP]) {
    void **list = &image.idle[bytes / STEP], *pointer = *list;
    memcpy(list, pointer, sizeof *list);
    return pointer;
  }
  void *pointer = bytes <= LARGEST_SHELVED && !is_sealed() ? cut_from_shelf(bytes) : cut(&image.next, image.end, bytes);
  return pointer ? pointer : take_foreign(bytes);
}

/* A large block of an arena is not used again: a call ends before that matters, and the arena with it. */
static void give(void *pointer) {
  uint64_t bytes = *header_of(pointer);
  if (bytes & FOREIGN) {
    free((uint8_t *)pointer - STEP);
  } else if (bytes <= LARGEST_KEPT) {
    memcpy(pointer, &image.idle[bytes / STEP], sizeof(void *));
    image.idle[bytes / STEP] = pointer;
  }
}

static size_t usable(const void *pointer) {
  return pointer ? (*header_of((void *)(uintptr_t)pointer) & ~(uint64_t)FOREIGN) - HEADER : 0;
}

static void *engine_malloc(JSMallocState *state, size_t size) {
  if (state->malloc_size > state->malloc_limit || size > state->malloc_limit - state->malloc_size) return NULL;
  void *pointer = take(size);
  if (!pointer) return NULL;
  state->malloc_count++;
  state->malloc_size += usable(pointer);
  return pointer;
}

static void engine_free(JSMallocState *state, void *pointer) {
  if (!pointer) return;
  state->malloc_count--;
  state->malloc_size -= usable(pointer);
  give(pointer);
}

static void *engine_realloc(JSMallocState *state, void *pointer, size_t size) {
  if (!pointer) return size ? engine_malloc(state, size) : NULL;
  if (size == 0) {
    engine_free(state, pointer);
    return NULL;
  }
  size_t before = usable(pointer);
  if (block_bytes(size) == before + HEADER) return pointer;
  void *moved = engine_malloc(state, size);
  if (!moved) return NULL;
  memcpy(moved, pointer, size < before ? size : before);
  engine_free(state, pointer);
  return moved;
}

const JSMallocFunctions engine_memory = {engine_malloc, engine_free, engine_realloc, usable};

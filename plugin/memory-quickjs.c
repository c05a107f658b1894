/* Memory for the script engine: small blocks from one arena, by size, because a call lives for a millisecond. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory-quickjs.h"

/* A block is a multiple of STEP bytes: HEADER bytes that tell its size, then what is used, aligned to STEP. */
enum { STEP = 16, HEADER = 8, LARGEST_SMALL = 512, ARENA_BYTES = 1024 * 1024 };
/* In the header of a block that is not the arena's. */
enum { FOREIGN = 1 };

static _Alignas(STEP) uint8_t arena[ARENA_BYTES];
/* The first header ends where the first aligned block begins. */
static size_t used = STEP - HEADER;
/* Blocks that were given back, by size in steps; each begins with the next one's address. */
static void *idle[LARGEST_SMALL / STEP + 1];

static uint64_t *header_of(void *pointer) {
  return (uint64_t *)((uint8_t *)pointer - HEADER);
}

static size_t block_bytes(size_t size) {
  return (size + HEADER + STEP - 1) / STEP * STEP;
}

static void *take_foreign(size_t bytes) {
  uint8_t *block = malloc(bytes + STEP);
  if (!block) return NULL;
  *header_of(block + STEP) = bytes | FOREIGN;
  return block + STEP;
}

static void *take(size_t size) {
  size_t bytes = block_bytes(size);
  if (bytes > LARGEST_SMALL) return take_foreign(bytes);
  void **list = &idle[bytes / STEP], *pointer = *list;
  if (pointer) {
    memcpy(list, pointer, sizeof *list);
    return pointer;
  }
  if (bytes > sizeof arena - used) return take_foreign(bytes);
  pointer = arena + used + HEADER;
  used += bytes;
  *header_of(pointer) = bytes;
  return pointer;
}

static void give(void *pointer) {
  uint64_t bytes = *header_of(pointer);
  if (bytes & FOREIGN) {
    free((uint8_t *)pointer - STEP);
    return;
  }
  memcpy(pointer, &idle[bytes / STEP], sizeof(void *));
  idle[bytes / STEP] = pointer;
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

/* Reads UTF-8 as the script is promised it: what is invalid is replaced, nothing is swallowed. */
#include <string.h>

#include "text-quickjs.h"

/* Length of the UTF-8 sequence at p (RFC 3629); for an invalid one, minus the number of bytes that one U+FFFD replaces. */
static int utf8_sequence(const uint8_t *p, const uint8_t *end) {
  uint8_t first = p[0], low = 0x80, high = 0xbf;
  int length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0) return -1;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  for (int index = 1; index < length; index++) {
    if (p + index >= end || p[index] < low || p[index] > high) return -index;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

/* Text that is ASCII, and so the same in UTF-8, as nearly all of it is. */
static int is_ascii(const uint8_t *bytes, size_t length) {
  uint8_t all = 0;
  for (size_t index = 0; index < length; index++) all |= bytes[index];
  return all < 0x80;
}

/* The engine's own decoder swallows valid bytes after an invalid one, so that invalid sequences are replaced before it sees them. */
JSValue text_of(JSContext *ctx, const uint8_t *bytes, size_t length) {
  if (is_ascii(bytes, length)) return JS_NewStringLen(ctx, (const char *)bytes, length);
  uint8_t *clean = js_malloc(ctx, length * 3 + 1);
  if (!clean) return JS_EXCEPTION;
  size_t used = 0;
  for (const uint8_t *p = bytes, *end = bytes + length; p < end;) {
    int sequence = utf8_sequence(p, end);
    if (sequence > 0) {
      memcpy(clean + used, p, (size_t)sequence);
      used += (size_t)sequence;
      p += sequence;
    } else {
      memcpy(clean + used, "\xef\xbf\xbd", 3);
      used += 3;
      p -= sequence;
    }
  }
  JSValue text = JS_NewStringLen(ctx, (const char *)clean, used);
  js_free(ctx, clean);
  return text;
}

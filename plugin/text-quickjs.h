/* Text for the script from bytes that others wrote. */
#include "quickjs.h"

/* The bytes as UTF-8, each invalid sequence as one U+FFFD (RFC 3629). */
JSValue text_of(JSContext *ctx, const uint8_t *bytes, size_t length);

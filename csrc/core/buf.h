/*
 * A growing byte buffer, for text whose length is not known in advance.
 *
 * Failure is sticky: after a failed allocation `failed` is set, the content so far stays, and every
 * later call does nothing. So a writer checks once, at the end. `data[len]` is always a NUL (not
 * counted), except that `data` is NULL before the first allocation: gp_buf_text returns "" then.
 *
 *     gp_buf buf;
 *     gp_buf_init(&buf, alloc);
 *     gp_buf_adds(&buf, "{\"ref\":");
 *     gp_buf_json_string(&buf, ref, ref_len);
 *     gp_buf_adds(&buf, "}");
 *     if (buf.failed) ...
 *     gp_buf_free(&buf);
 */
#ifndef GP_BUF_H
#define GP_BUF_H

#include <stddef.h>

#include "core/alloc.h"

typedef struct gp_buf {
    char *data;
    size_t len, cap;
    const gp_alloc *alloc;
    int failed;
} gp_buf;

/* An empty buffer, as `gp_buf buf = {.alloc = alloc}` makes too; allocates nothing. `alloc` must
 * outlive it. */
void gp_buf_init(gp_buf *buf, const gp_alloc *alloc);

/* Frees the memory. The buffer is then empty and usable again (`failed` is cleared). */
void gp_buf_free(gp_buf *buf);

/* The same for a buffer that held secrets: its bytes are cleansed first. Earlier blocks that it
 * outgrew are not: reserve enough before the first secret byte. */
void gp_buf_free_secret(gp_buf *buf);

/* Empties the buffer but keeps its memory; clears `failed`. */
void gp_buf_clear(gp_buf *buf);

/* The content as a C string, never NULL. Valid until the next call that adds or frees. */
const char *gp_buf_text(const gp_buf *buf);

/* Makes room for `extra` more bytes and returns a pointer to it (after writing, add the count to
 * `len` and set data[len] = 0), or NULL with `failed` set. */
char *gp_buf_reserve(gp_buf *buf, size_t extra);

/* Adds bytes, a C string, one byte, printf's output. `data` must not point into the buffer.
 * gp_buf_addf is for integers and strings: floats follow the process's locale there. */
void gp_buf_add(gp_buf *buf, const void *data, size_t len);
void gp_buf_adds(gp_buf *buf, const char *text);
void gp_buf_addc(gp_buf *buf, char byte);
void gp_buf_addf(gp_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a whole number in decimal. */
void gp_buf_add_integer(gp_buf *buf, long long value);

/* Removes the first `count` bytes (all of them if there are fewer). */
void gp_buf_drop(gp_buf *buf, size_t count);

/*
 * Adds `s` as a JSON string with its quotes; control characters, quote and backslash are escaped.
 * gp_buf_json_string writes U+FFFD for each byte that is not valid UTF-8, so that the result is
 * always valid JSON. gp_buf_json_bytes keeps such bytes, for text that must survive a round trip.
 */
void gp_buf_json_string(gp_buf *buf, const char *s, size_t len);
void gp_buf_json_bytes(gp_buf *buf, const char *s, size_t len);

/*
 * Adds the shortest form of a number that reads back as the same double, in any locale: 17, 0.1,
 * 1e+308. Whole numbers below 2^63 have no exponent; -0 is 0. A NaN or an infinity is null.
 */
void gp_buf_json_number(gp_buf *buf, double value);

#endif

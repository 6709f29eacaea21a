/*
 * A byte buffer that grows. A failed allocation sets `failed` and drops what was to be added; every
 * later addition is dropped too, so a caller looks once, at the end. `data` is not terminated.
 *
 *     gp_buf buf = {.alloc = alloc};
 *     gp_buf_adds(&buf, "id=");
 *     gp_buf_addf(&buf, "%d", id);
 *     if (buf.failed) ...
 *     gp_buf_free(&buf);
 */
#ifndef GP_CORE_BUF_H
#define GP_CORE_BUF_H

#include <stddef.h>

#include "core/alloc.h"

typedef struct gp_buf {
    char *data;
    size_t len;
    size_t cap;
    const gp_alloc *alloc;
    int failed;
} gp_buf;

void gp_buf_add(gp_buf *buf, const void *data, size_t len);
void gp_buf_adds(gp_buf *buf, const char *text);
void gp_buf_addf(gp_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds `s` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void gp_buf_json_string(gp_buf *buf, const char *s, size_t len);

/* Frees the memory; the buffer is empty afterwards and may be used again. */
void gp_buf_free(gp_buf *buf);

#endif

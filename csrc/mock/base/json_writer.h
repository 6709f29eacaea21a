/*
 * Writes JSON directly into a buffer: no tree, no copies. The last byte written tells whether a
 * separator is needed, so there is no state. `key` is NULL inside arrays.
 */
#ifndef GP_MOCK_BASE_JSON_WRITER_H
#define GP_MOCK_BASE_JSON_WRITER_H

#include "core/buf.h"
#include "mock/base/ms.h"

void gp_write_open(gp_buf *buf, const char *key, char bracket);
void gp_write_close(gp_buf *buf, char bracket);
void gp_write_string(gp_buf *buf, const char *key, const char *value); /* NULL gives null */
void gp_write_bytes(gp_buf *buf, const char *key, const char *value, size_t len);
void gp_write_integer(gp_buf *buf, const char *key, int64_t value);
void gp_write_boolean(gp_buf *buf, const char *key, int value);
void gp_write_null(gp_buf *buf, const char *key);
/* "2026-01-01T00:00:00.000Z", or null for GP_MS_NONE and GP_MS_NEVER. */
void gp_write_time(gp_buf *buf, const char *key, gp_ms value);
/* Seconds with the fraction that they have: 2.0, 0.25; null for GP_MS_NONE. */
void gp_write_seconds(gp_buf *buf, const char *key, gp_ms value);
/* Any bytes, as a string of hexadecimal digits. */
void gp_write_hex(gp_buf *buf, const char *key, const void *data, size_t len);
/* JSON text that is written already. */
void gp_write_raw(gp_buf *buf, const char *key, const char *json, size_t len);

/* Writes a number as decimal digits. */
void gp_write_digits(gp_buf *buf, int64_t value);

#endif

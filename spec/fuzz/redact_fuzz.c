/*
 * Fuzzes the redactor: any text, split anywhere, must produce the same output as in one piece; the
 * output must not contain the secret, nor all but three bytes of it where it was interrupted; and a
 * failed allocation must be reported.
 *
 * The first two bytes select where the rest is split and which allocation fails in the last pass.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "k/y+3\"x\\%41z";

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    long *left = ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    if (*left == 0) return NULL;
    if (*left > 0) --*left;
    return realloc(ptr, new_size);
}

static void feed_pieces(gp_redactor *redactor, const gp_alloc *alloc, const char *s, size_t len,
                        size_t piece, gp_buf *out)
{
    gp_redact_stream stream;
    size_t at;
    int worked = 1;
    gp_redact_stream_init(&stream, redactor, alloc);
    for (at = 0; at < len && worked; at += piece) {
        worked = gp_redact_feed(&stream, s + at, len - at < piece ? len - at : piece, out);
    }
    worked = worked && gp_redact_finish(&stream, out);
    gp_redact_stream_close(&stream);
    if (!worked) out->failed = 1;
}

static const char *const gaps[] = {
    "",
    "",
    "\n",
    "\r\n",
    "\r",
    "\033[0;31m",
    "\033]0;title\a",
    "\xe2\x80\x8b",
    "\xc2\x9b"
    "1m",
    "\033(B",
    "\n2024-05-22T12:43:46.962646Z 00O ",
    "\b",
    "\xc2\xad",
    "\033[K\n\033[m",
};

/* Removes the bytes in `gaps` from `buf`. */
static void join(gp_buf *buf)
{
    size_t at = 0, to = 0, i;
    while (at < buf->len) {
        size_t longest = 0;
        for (i = 0; i < sizeof gaps / sizeof *gaps; i++) {
            size_t len = strlen(gaps[i]);
            if (len > longest && len <= buf->len - at && !memcmp(buf->data + at, gaps[i], len))
                longest = len;
        }
        if (longest)
            at += longest;
        else
            buf->data[to++] = buf->data[at++];
    }
    buf->len = to;
}

/* The secret with bytes chosen by the data inserted between its bytes. */
static void interrupt(gp_redactor *redactor, const gp_alloc *alloc, const uint8_t *data,
                      size_t size)
{
    gp_buf text, whole, pieces;
    size_t i, taken = 0;
    gp_buf_init(&text, alloc);
    gp_buf_init(&whole, alloc);
    gp_buf_init(&pieces, alloc);
    gp_buf_adds(&text, "x ");
    for (i = 0; i + 1 < sizeof secret; i++) {
        uint8_t choice = taken < size ? data[taken++] : 0;
        if (i) gp_buf_adds(&text, gaps[choice % (sizeof gaps / sizeof *gaps)]);
        gp_buf_addc(&text, secret[i]);
    }
    gp_buf_addc(&text, '\n');
    if (!gp_redact_text(redactor, text.data, text.len, &whole)) abort();
    feed_pieces(redactor, alloc, text.data, text.len, size ? data[size - 1] % 50 + 1u : 1, &pieces);
    if (pieces.len != whole.len || memcmp(pieces.data, whole.data, whole.len) != 0) abort();
    join(&whole);
    if (memmem(whole.data, whole.len, secret + 3, sizeof secret - 4)) abort();
    gp_buf_free(&text);
    gp_buf_free(&whole);
    gp_buf_free(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 2;
    long unbounded = -1, bounded;
    gp_alloc alloc = {resize, &unbounded}, failing = {resize, &bounded};
    gp_redactor redactor;
    gp_buf whole, pieces;
    size_t len;
    if (size < 2) return 0;
    len = size - 2;
    gp_buf_init(&whole, &alloc);
    gp_buf_init(&pieces, &alloc);
    if (!gp_redactor_init(&redactor, &alloc) ||
        !gp_redactor_add(&redactor, secret, sizeof secret - 1) ||
        !gp_redactor_add(&redactor, "two words", 9) ||
        !gp_redact_text(&redactor, text, len, &whole))
        abort();
    feed_pieces(&redactor, &alloc, text, len, data[0] + 1u, &pieces);
    if (pieces.failed || pieces.len != whole.len ||
        (whole.len && memcmp(pieces.data, whole.data, whole.len) != 0))
        abort();
    if (whole.len && memmem(whole.data, whole.len, secret, sizeof secret - 1)) abort();
    interrupt(&redactor, &alloc, data, size);
    gp_buf_free(&pieces);
    gp_buf_init(&pieces, &failing);
    bounded = data[1];
    feed_pieces(&redactor, &failing, text, len, data[0] + 1u, &pieces);
    if (!pieces.failed && pieces.len != whole.len) abort();
    gp_buf_free(&pieces);
    gp_buf_free(&whole);
    gp_redactor_close(&redactor);
    return 0;
}

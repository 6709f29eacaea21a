/*
 * Fuzzes the log parser: any bytes, split anywhere, must produce the same events as in one piece,
 * and a failed allocation must return -1.
 *
 * The first two bytes select how the rest is split and which allocation fails in the third pass.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/joblog.h"
#include "core/joblog_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct countdown {
    long left; /* allocations until one fails; < 0: never */
} countdown;

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    countdown *count = ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    if (count->left == 0) return NULL;
    if (count->left > 0) count->left--;
    return realloc(ptr, new_size);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    size_t i;
    for (i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

static uint64_t mix_event(uint64_t hash, const gp_joblog_event *event, gp_buf *out)
{
    hash = mix(hash, &event->kind, sizeof event->kind);
    hash = mix(hash, &event->number, sizeof event->number);
    hash = mix(hash, &event->time, sizeof event->time);
    hash = mix(hash, &event->stream, 1);
    hash = mix(hash, event->raw, event->raw_len);
    if (event->section) hash = mix(hash, event->section->name, strlen(event->section->name));
    if (event->kind != GP_JOBLOG_LINE) return hash;
    gp_buf_clear(out);
    gp_joblog_ansi(event, out);
    gp_joblog_html(event, out);
    return mix(hash, gp_buf_text(out), out->len);
}

static int drain(gp_joblog *log, uint64_t *hash, gp_buf *out)
{
    gp_joblog_event event;
    int status;
    while ((status = gp_joblog_next(log, &event)) == 1)
        *hash = mix_event(*hash, &event, out);
    return status;
}

/* The hash of all events, with the input split into chunks of `piece` bytes; 0 when out of memory.
 */
static uint64_t parse(const char *data, size_t size, size_t piece, long failing)
{
    countdown count = {failing}, unlimited = {-1};
    gp_alloc alloc = {resize, &count}, plenty = {resize, &unlimited};
    gp_joblog log;
    gp_buf out;
    uint64_t hash = 14695981039346656037u;
    size_t at = 0;
    int status = 0;
    gp_joblog_init(&log, &alloc);
    gp_buf_init(&out, &plenty);
    while (at < size && status == 0) {
        size_t len = size - at < piece ? size - at : piece;
        gp_joblog_feed(&log, data + at, len);
        status = drain(&log, &hash, &out);
        at += len;
    }
    gp_joblog_finish(&log);
    if (status == 0) status = drain(&log, &hash, &out);
    gp_joblog_free(&log);
    gp_buf_free(&out);
    return status == 0 ? hash : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 2;
    uint64_t whole, pieces;
    if (size < 2) return 0;
    size -= 2;
    whole = parse(text, size, size ? size : 1, -1);
    pieces = parse(text, size, (size_t)data[0] + 1, -1);
    if (whole != pieces || whole == 0) {
        fprintf(stderr, "cut into pieces of %d bytes the events differ\n", data[0] + 1);
        abort();
    }
    parse(text, size, (size_t)data[0] + 1, data[1]);
    return 0;
}

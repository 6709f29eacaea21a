#include "core/redact.h"

#include <string.h>

#include "core/redact_match.h"
#include "core/secret.h"

/* Tries the chain of one first byte: secrets extend the cover, the longest of the others is kept
 * in `found`. Returns 0 if more text is needed to know. */
static int try_chain(gp_redact_stream *stream, gp_redact_cursor *cursor, int first, int structures)
{
    const gp_redactor *redactor = stream->redactor;
    const char *s = cursor->s + cursor->at;
    size_t n = cursor->n - cursor->at;
    int i;
    for (i = redactor->first[gp_redact_lower(first)]; i >= 0; i = redactor->needles[i].next) {
        const gp_redact_needle *needle = &redactor->needles[i];
        int secret = needle->kind <= GP_NEEDLE_BASE64;
        size_t len = 0;
        if (!secret && !structures) continue;
        if (needle->tail && !stream->begins_line) continue;
        if (needle->kind >= GP_NEEDLE_HEADER && needle->kind <= GP_NEEDLE_PARAMETER_OF &&
            gp_redact_is_name_byte(stream->value.previous))
            continue;
        if (gp_redact_match(needle, s, n, &len) == GP_FOUND_MORE && !cursor->final) return 0;
        if (secret) {
            gp_redact_cover(&stream->value, len ? cursor->at + len : 0);
        } else if (len > cursor->found_len) {
            cursor->found = needle;
            cursor->found_len = len;
        }
    }
    return 1;
}

/* Tries every needle that may begin here. */
static int try_here(gp_redact_stream *stream, gp_redact_cursor *cursor, const gp_redact_unit *u,
                    int structures)
{
    int raw = (unsigned char)cursor->s[cursor->at], meant = u->bytes[0];
    cursor->found = NULL;
    cursor->found_len = 0;
    if (!try_chain(stream, cursor, raw, structures)) return 0;
    if (raw == '+') meant = ' ';
    /* A base64 needle knows its own second alphabet. */
    if (raw == '-') meant = '+';
    if (raw == '_') meant = '/';
    return gp_redact_lower(raw) == gp_redact_lower(meant) ||
           try_chain(stream, cursor, meant, structures);
}

/* Notes a gap that begins here, where it matters: at the beginning of a line, where the rest of a
 * secret may follow, and inside a covered range. Returns 0 for "more". */
static int note_gap(gp_redact_stream *stream, const gp_redact_cursor *cursor,
                    const gp_redact_unit *u)
{
    size_t at = cursor->at;
    int c = u->bytes[0];
    gp_redact_gap g;
    if (at < stream->gap_until) return 1;
    stream->gap_kept = 0;
    if (!stream->begins_line && at >= stream->value.cover_until && c != '\n' && c != '\r') return 1;
    switch (
        gp_redact_read_gap(cursor->s + at, cursor->n - at, GP_READ_BOTH, stream->begins_line, &g)) {
    case GP_FOUND_MORE:
        return cursor->final;
    case GP_FOUND_YES:
        stream->gap_until = at + g.len;
        stream->gap_kept = g.kept;
        if (g.ends_line) stream->begins_line = 1;
        return 1;
    default:
        return 1;
    }
}

/* Decides about the byte at the cursor: 1 covered, 0 not, -1 if more is needed to know. */
static int decide(gp_redact_stream *stream, gp_redact_cursor *cursor)
{
    gp_redact_value *value = &stream->value;
    const char *s = cursor->s + cursor->at;
    int begins = stream->unit_left == 0, covered;
    gp_redact_unit u;
    if (!gp_redact_read_unit(s, cursor->n - cursor->at, GP_READ_BOTH, &u) && !cursor->final)
        return -1;
    if (!try_here(stream, cursor, &u, begins)) return -1;
    if (begins) {
        if (!note_gap(stream, cursor, &u)) return -1;
        covered = 0;
        if (cursor->found || value->state != GP_REDACT_NO_VALUE) {
            covered = gp_redact_value_step(value, cursor, &u);
        }
        if (covered < 0) return -1;
        if (cursor->at >= stream->gap_until) stream->begins_line = 0;
        stream->unit_covered = covered;
        stream->unit_left = u.len;
        value->previous = u.bytes[0];
        value->after_slash = u.escape == '\\' && u.bytes[0] == '\\';
    }
    if (stream->unit_covered) return 1;
    return cursor->at < value->cover_until && !(stream->gap_kept && cursor->at < stream->gap_until);
}

static void move_back(size_t *offset, size_t by)
{
    *offset = *offset > by ? *offset - by : 0;
}

/* Processes as many bytes as can be decided, writes the output, returns their number. */
static size_t process(gp_redact_stream *stream, const char *s, size_t n, int final, gp_buf *out)
{
    gp_redact_cursor cursor = {s, n, 0, final, NULL, 0};
    size_t clear = 0; /* start of the uncovered text not yet written */
    for (; cursor.at < n; cursor.at++) {
        int covered = decide(stream, &cursor);
        if (covered < 0) break;
        stream->unit_left--;
        if (!covered) {
            stream->marked = 0;
            continue;
        }
        gp_buf_add(out, s + clear, cursor.at - clear);
        if (!stream->marked) gp_buf_adds(out, GP_SECRET_SHOWN);
        stream->marked = 1;
        clear = cursor.at + 1;
    }
    gp_buf_add(out, s + clear, cursor.at - clear);
    move_back(&stream->value.cover_until, cursor.at);
    move_back(&stream->gap_until, cursor.at);
    move_back(&stream->value.pass_until, cursor.at);
    move_back(&stream->value.user_until, cursor.at);
    return cursor.at;
}

void gp_redact_stream_init(gp_redact_stream *stream, const gp_redactor *redactor,
                           const gp_alloc *alloc)
{
    memset(stream, 0, sizeof *stream);
    stream->redactor = redactor;
    stream->begins_line = 1;
    gp_buf_init(&stream->carry, alloc);
}

void gp_redact_stream_close(gp_redact_stream *stream)
{
    gp_buf_free_secret(&stream->carry);
}

int gp_redact_feed(gp_redact_stream *stream, const char *s, size_t len, gp_buf *out)
{
    size_t done;
    if (stream->carry.len) {
        gp_buf_add(&stream->carry, s, len);
        if (stream->carry.failed) return 0;
        done = process(stream, stream->carry.data, stream->carry.len, 0, out);
        gp_buf_drop(&stream->carry, done);
    } else {
        done = process(stream, s, len, 0, out);
        gp_buf_add(&stream->carry, s + done, len - done);
    }
    return !stream->carry.failed && !out->failed;
}

int gp_redact_finish(gp_redact_stream *stream, gp_buf *out)
{
    gp_buf carry = stream->carry;
    process(stream, gp_buf_text(&carry), carry.len, 1, out);
    gp_redact_stream_init(stream, stream->redactor, carry.alloc);
    gp_buf_free_secret(&carry);
    return !out->failed;
}

int gp_redact_text(const gp_redactor *redactor, const char *s, size_t len, gp_buf *out)
{
    gp_redact_stream stream;
    gp_redact_stream_init(&stream, redactor, out->alloc);
    process(&stream, s, len, 1, out);
    return !out->failed;
}

/*
 * Redacts secrets in text: in whole strings, and in streams that may be split inside a secret.
 *
 * Replaced by "[secret]" are
 * - every secret that was added, in each of its written forms: verbatim, percent- and
 *   form-encoded, JSON-escaped, JSON- and percent-encoded at once, in hexadecimal, and in
 *   base64 at each of its three alignments (also in the URL alphabet);
 * - each of these forms, even if interrupted by line ends (and the runner's timestamps in
 *   the next line), escape sequences, control characters, or zero-width characters;
 * - anything that begins with a GitLab token prefix, or with a prefix that was added;
 * - the values of the headers and parameters that carry credentials, in a header line, a query, a
 *   form, a command line or as fields of JSON;
 * - the userinfo of URLs.
 *
 * In doubt it redacts more: text that merely looks like a token is replaced too. Overlapping and
 * adjacent matches share one marker. Redacting twice changes nothing.
 *
 *     gp_redactor_init(&redactor, alloc);
 *     gp_redactor_add(&redactor, token, token_len);
 *     gp_redact_text(&redactor, line, line_len, &out);
 *
 * Lines stay lines: the line ends, timestamps and colours that interrupt a secret are kept. Up to
 * three bytes of a secret at the end of a line are not held back for the next line; the rest of the
 * secret is taken out of the next line.
 *
 * How it works: text is read in units. A unit is a byte, or an escape that stands for one byte, so
 * that a needle is compared with what the text means and not with how it is written. Behind a
 * name, a prefix or "://" a small state machine follows the text to the end of the value, so only
 * the beginning of something that could still become a match is held back. That is never more than
 * the larger of 1 KiB and the longest written form of a secret: twelve bytes for each byte of the
 * secret, and 4 KiB that interrupt it.
 */
#ifndef GP_REDACT_H
#define GP_REDACT_H

#include <stddef.h>

#include "core/buf.h"
#include "core/redact_value.h"
#include "core/redactor.h"

/* Adds the redacted text to `out`; 0 when memory ran out. */
int gp_redact_text(const gp_redactor *redactor, const char *s, size_t len, gp_buf *out);

/*
 * A text that comes in pieces. The outputs together are the redacted whole, wherever it was
 * split. After a call has returned 0 (memory ran out) the stream may only be closed.
 */
typedef struct gp_redact_stream {
    const gp_redactor *redactor;
    gp_buf carry;
    gp_redact_value value; /* its offsets are into what comes next */
    int marked;            /* the marker of the current covered range is written */
    int unit_covered;      /* the current unit is covered */
    size_t unit_left;      /* bytes of it that are left */
    int begins_line;       /* nothing visible precedes in this line */
    int gap_kept;          /* the gap up to gap_until is kept */
    size_t gap_until;      /* an offset into what comes next */
} gp_redact_stream;

void gp_redact_stream_init(gp_redact_stream *stream, const gp_redactor *redactor,
                           const gp_alloc *alloc);
int gp_redact_feed(gp_redact_stream *stream, const char *s, size_t len, gp_buf *out);

/* Outputs what was held back; the stream may then be fed a new text. */
int gp_redact_finish(gp_redact_stream *stream, gp_buf *out);

/* Cleanses and frees. May be called again. */
void gp_redact_stream_close(gp_redact_stream *stream);

#endif

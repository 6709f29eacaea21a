/*
 * Takes secrets out of text: whole texts, and streams of which a secret may be cut anywhere.
 *
 * Replaced by "[secret]" are
 * - every secret that was added, in each of its written forms: verbatim, percent- and
 *   form-encoded, JSON-escaped, JSON- and percent-encoded at once, in hexadecimal, and in
 *   base64 at each of its three alignments (also in the URL alphabet);
 * - each of these forms also where it is interrupted by line ends (and the runner's timestamps in
 *   the next line), escape sequences, control characters, or characters without width;
 * - whatever begins with a prefix of GitLab's tokens, or with a prefix that was added;
 * - the values of the headers and parameters that carry credentials, in a header line, a query, a
 *   form, a command line or as fields of JSON;
 * - the userinfo of URLs.
 *
 * In doubt it takes more: a text that merely looks like a token goes too. What is covered by
 * several rules, or touches, shows one marker. Redacting twice changes nothing.
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
 * A text that comes in pieces. The pieces' redacted texts together are the redacted whole, wherever
 * it was cut. After a call has returned 0 (memory ran out) the stream may only be closed.
 */
typedef struct gp_redact_stream {
    const gp_redactor *redactor;
    gp_buf carry;
    gp_redact_value value; /* its offsets are into what comes next */
    int marked;            /* the marker of what is covered now is written */
    int unit_covered;      /* the unit that is being passed is covered */
    size_t unit_left;      /* bytes left of it */
    int begins_line;       /* nothing to be seen stands before in the line */
    int gap_kept;          /* what interrupts until gap_until stays */
    size_t gap_until;      /* an offset into what comes next */
} gp_redact_stream;

void gp_redact_stream_init(gp_redact_stream *stream, const gp_redactor *redactor,
                           const gp_alloc *alloc);
int gp_redact_feed(gp_redact_stream *stream, const char *s, size_t len, gp_buf *out);

/* Gives out what was held back; the stream may then be fed a new text. */
int gp_redact_finish(gp_redact_stream *stream, gp_buf *out);

/* Cleanses and frees. May be called again. */
void gp_redact_stream_close(gp_redact_stream *stream);

#endif

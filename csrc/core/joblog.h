/*
 * A parser for job logs: bytes in, lines out, however the bytes are split.
 *
 * A runner's log is not plain text. Lines may begin with a timestamp and a stream name, and a line
 * that the runner had to split continues in the next one ("+"). Colours are ANSI escapes that
 * remain in effect across line ends. Progress bars overwrite themselves with a bare carriage
 * return. Sections open and close by markers that share a line with text. The parser turns all that
 * into events; it decides nothing about where bytes come from or go to.
 *
 *     gp_joblog log;
 *     gp_joblog_init(&log, alloc);
 *     for each chunk:
 *         gp_joblog_feed(&log, chunk, len);
 *         while (gp_joblog_next(&log, &event)) ... event.kind ...
 *     gp_joblog_finish(&log);
 *     while (gp_joblog_next(&log, &event)) ...
 *     gp_joblog_free(&log);
 *
 * Invalid UTF-8 is passed through. A line longer than GP_JOBLOG_MAX_LINE is truncated there and
 * marked. Memory is bounded by two such lines.
 */
#ifndef GP_JOBLOG_H
#define GP_JOBLOG_H

#include <stddef.h>

#include "core/buf.h"
#include "core/text_style.h"

enum {
    GP_JOBLOG_MAX_LINE = 1 << 20,
    GP_JOBLOG_MAX_SPANS = 256,
    GP_JOBLOG_MAX_DEPTH = 32,
    GP_JOBLOG_MAX_NAME = 128,
    GP_JOBLOG_MAX_OPTIONS = 128
};

/* A run of bytes of a line's plain text in one style. Text in no span has the default style. */
typedef struct gp_joblog_span {
    size_t start, len;
    gp_style style;
} gp_joblog_span;

/* A section, open or closed. Times are Unix seconds from the markers. */
typedef struct gp_joblog_section {
    char name[GP_JOBLOG_MAX_NAME];
    char options[GP_JOBLOG_MAX_OPTIONS]; /* "collapsed=true,hide_duration=true", or "" */
    double started, ended;               /* `ended` < 0 while it is open */
    long long first_line, last_line;     /* numbers of lines; 0 while there is none */
} gp_joblog_section;

typedef enum gp_joblog_kind {
    GP_JOBLOG_NONE = 0,
    GP_JOBLOG_LINE,
    GP_JOBLOG_SECTION_START,
    GP_JOBLOG_SECTION_END
} gp_joblog_kind;

/* The result of gp_joblog_next. All pointers are valid until the next call with this parser. */
typedef struct gp_joblog_event {
    gp_joblog_kind kind;
    /* of a line: */
    long long number;  /* from 1 */
    double time;       /* Unix seconds of its timestamp, or < 0 */
    char stream;       /* 'O' stdout, 'E' stderr, 0 unknown */
    int stream_number; /* 0 when unknown */
    int is_header;     /* the first line of a section, its title */
    int truncated;
    const char *raw; /* as received, without prefix and line end */
    size_t raw_len;
    const char *plain; /* without escapes and overwritten text */
    size_t plain_len;
    const gp_joblog_span *spans; /* in order, not overlapping */
    size_t span_count;
    /* of a line the innermost open section (NULL: none), else the section that starts or ends: */
    const gp_joblog_section *section;
} gp_joblog_event;

/* What a physical line's prefix says. */
typedef struct gp_joblog_prefix {
    double time;
    char stream;
    int stream_number;
} gp_joblog_prefix;

/* The parser. Its fields are private. */
typedef struct gp_joblog {
    const char *input; /* input not consumed yet */
    size_t input_len;
    int finishing, broken;
    int timestamps; /* -1 not known yet, 0 no, 1 yes */
    gp_buf partial; /* a physical line that came in pieces */
    int partial_truncated, partial_used;
    /* Two logical lines: the one being taken apart, and with timestamps the one that may go on. */
    gp_buf lines[2];
    int pending; /* lines[waiting] holds a line that may be continued */
    int waiting;
    gp_joblog_prefix pending_prefix;
    int pending_truncated, pending_unended;
    /* the logical line being taken apart: */
    int active;
    const char *text;
    size_t text_len, at;
    size_t raw_start;
    gp_joblog_prefix prefix;
    int truncated, unended, had_marker, header, overwrite;
    gp_style style;
    gp_buf plain;
    gp_joblog_span spans[GP_JOBLOG_MAX_SPANS];
    size_t span_count;
    gp_joblog_section open[GP_JOBLOG_MAX_DEPTH];
    size_t depth;
    gp_joblog_section closed;
    char minute[17]; /* the last timestamp's minute and its Unix seconds */
    double minute_time;
    long long number;
    long long exit_code;
} gp_joblog;

/* A parser at the start of a log. Allocates nothing; `alloc` must outlive it. */
void gp_joblog_init(gp_joblog *log, const gp_alloc *alloc);

/* Frees its memory. */
void gp_joblog_free(gp_joblog *log);

/* Passes in the next bytes, which must stay valid until gp_joblog_next returns 0. */
void gp_joblog_feed(gp_joblog *log, const char *data, size_t len);

/* Marks the end of the log: an unterminated last line becomes a line if it has visible text. */
void gp_joblog_finish(gp_joblog *log);

/* Gets the next event: 1, 0 when more bytes are needed, -1 when memory ran out (the parser is then
 * unusable). */
int gp_joblog_next(gp_joblog *log, gp_joblog_event *event);

/* 1 while a section of that name is open, which includes its title line. */
int gp_joblog_is_inside(const gp_joblog *log, const char *section);

/* The exit code from the last line of the log ("Job succeeded", "ERROR: Job failed: exit
 * code 2"), or -1. */
long long gp_joblog_exit_code(const gp_joblog *log);

/* The length of the timestamp and stream name at the start of a line; 0 when there is none, -1 when
 * more bytes are needed to decide. */
int gp_joblog_stamp(const char *text, size_t len);

#endif

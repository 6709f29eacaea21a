#include "core/joblog.h"

#include <string.h>

#include "core/calendar.h"
/* A physical line is a line's text behind its prefix. */
enum { PREFIX_LEN = 32, MAX_PHYSICAL = GP_JOBLOG_MAX_LINE + PREFIX_LEN };

/* ---- Physical lines: bytes up to a line feed, whatever pieces they came in. ---- */

void gp_joblog_init(gp_joblog *log, const gp_alloc *alloc)
{
    memset(log, 0, sizeof *log);
    gp_buf_init(&log->partial, alloc);
    gp_buf_init(&log->lines[0], alloc);
    gp_buf_init(&log->lines[1], alloc);
    gp_buf_init(&log->plain, alloc);
    gp_style_reset(&log->style);
    log->timestamps = -1;
    log->exit_code = -1;
}

void gp_joblog_free(gp_joblog *log)
{
    gp_buf_free(&log->partial);
    gp_buf_free(&log->lines[0]);
    gp_buf_free(&log->lines[1]);
    gp_buf_free(&log->plain);
}

void gp_joblog_feed(gp_joblog *log, const char *data, size_t len)
{
    log->input = data;
    log->input_len = len;
}

void gp_joblog_finish(gp_joblog *log)
{
    log->input_len = 0;
    log->finishing = 1;
}

/* Adds to a line within its bound; what is over it is dropped and noted. */
static void add_bounded(gp_joblog *log, gp_buf *line, size_t bound, const char *data, size_t len,
                        int *truncated)
{
    size_t room = bound - line->len;
    if (len > room) {
        *truncated = 1;
        len = room;
    }
    gp_buf_add(line, data, len);
    if (line->failed) log->broken = 1;
}

typedef struct text_range {
    const char *text;
    size_t len;
    int truncated;
    int unended; /* the log's last bytes, without a line feed */
} text_range;

/* The next physical line, without its line feed: 1, or 0 when there is none yet. */
static int take_physical(gp_joblog *log, text_range *line)
{
    const char *end = log->input_len ? memchr(log->input, '\n', log->input_len) : NULL;
    size_t len = end ? (size_t)(end - log->input) : log->input_len;
    if (log->partial_used) {
        gp_buf_clear(&log->partial);
        log->partial_truncated = 0;
        log->partial_used = 0;
    }
    if (end && log->partial.len == 0) {
        line->text = log->input;
        line->truncated = len > MAX_PHYSICAL;
        line->len = line->truncated ? MAX_PHYSICAL : len;
    } else {
        add_bounded(log, &log->partial, MAX_PHYSICAL, log->input, len, &log->partial_truncated);
        if (!end && (!log->finishing || log->partial.len == 0)) {
            log->input_len = 0;
            return 0;
        }
        line->text = gp_buf_text(&log->partial);
        line->len = log->partial.len;
        line->truncated = log->partial_truncated;
        log->partial_used = 1;
    }
    line->unended = !end;
    log->input += end ? len + 1 : len;
    log->input_len -= end ? len + 1 : len;
    return !log->broken;
}

/* ---- Prefixes: "2024-05-22T12:43:46.962646Z 00O " ---- */

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int number_of(const char *text, int digits)
{
    int value = 0, i;
    for (i = 0; i < digits; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

static int hex_of(char c)
{
    if (is_digit(c)) return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A digit stands for any digit; other characters for themselves. */
static const char prefix_shape[] = "0000-00-00T00:00:00.000000Z ";

int gp_joblog_stamp(const char *text, size_t len)
{
    size_t i;
    for (i = 0; i < PREFIX_LEN; i++) {
        if (i == len) return -1;
        if (i < sizeof prefix_shape - 1) {
            if (prefix_shape[i] == '0' ? !is_digit(text[i]) : text[i] != prefix_shape[i]) return 0;
        } else if (i < 30) {
            if (hex_of(text[i]) < 0) return 0;
        } else if (i == 30 ? text[i] != 'O' && text[i] != 'E' : text[i] != ' ' && text[i] != '+') {
            return 0;
        }
    }
    return PREFIX_LEN;
}

static int has_prefix(const char *text, size_t len)
{
    return gp_joblog_stamp(text, len) > 0;
}

/* Reads the prefix that has_prefix has seen. Minutes repeat from line to line: their time is kept.
 */
static void read_prefix(gp_joblog *log, const char *text, gp_joblog_prefix *prefix)
{
    if (memcmp(log->minute, text, 16) != 0) {
        memcpy(log->minute, text, 16);
        log->minute_time = (double)gp_calendar_days(number_of(text, 4), number_of(text + 5, 2),
                                                    number_of(text + 8, 2)) *
                               86400 +
                           number_of(text + 11, 2) * 3600 + number_of(text + 14, 2) * 60;
    }
    prefix->time = log->minute_time + number_of(text + 17, 2) + number_of(text + 20, 6) / 1e6;
    prefix->stream_number = hex_of(text[28]) * 16 + hex_of(text[29]);
    prefix->stream = text[30];
}

/* ---- Logical lines: physical ones, glued where a "+" says so. ---- */

static void begin(gp_joblog *log, const text_range *line, const gp_joblog_prefix *prefix)
{
    log->active = 1;
    log->text = line->text;
    log->text_len = line->len;
    log->truncated = line->truncated;
    log->unended = line->unended;
    if (log->text_len > GP_JOBLOG_MAX_LINE) {
        log->text_len = GP_JOBLOG_MAX_LINE;
        log->truncated = 1;
    }
    log->prefix = *prefix;
    log->at = 0;
    log->raw_start = 0;
    log->had_marker = 0;
    log->header = 0;
    log->overwrite = 0;
    gp_buf_clear(&log->plain);
    log->span_count = 0;
}

/* Keeps a line of a log with timestamps: only the next one tells whether it goes on. */
static void keep(gp_joblog *log, const text_range *line, const gp_joblog_prefix *prefix)
{
    gp_buf *kept = &log->lines[log->waiting];
    gp_buf_clear(kept);
    log->pending = 1;
    log->pending_prefix = *prefix;
    log->pending_truncated = line->truncated;
    log->pending_unended = line->unended;
    add_bounded(log, kept, GP_JOBLOG_MAX_LINE, line->text, line->len, &log->pending_truncated);
}

/* Starts parsing the kept line. */
static void release(gp_joblog *log)
{
    text_range line;
    line.text = gp_buf_text(&log->lines[log->waiting]);
    line.len = log->lines[log->waiting].len;
    line.truncated = log->pending_truncated;
    line.unended = log->pending_unended;
    begin(log, &line, &log->pending_prefix);
    log->waiting = 1 - log->waiting;
    log->pending = 0;
}

/* A physical line of a log with timestamps: 1 when a logical line is ready by it. */
static int take_stamped(gp_joblog *log, text_range *line)
{
    gp_joblog_prefix prefix = {-1, 0, 0};
    int ready = 0;
    if (has_prefix(line->text, line->len)) {
        int continues = line->text[31] == '+';
        read_prefix(log, line->text, &prefix);
        line->text += PREFIX_LEN;
        line->len -= PREFIX_LEN;
        if (continues && log->pending) {
            add_bounded(log, &log->lines[log->waiting], GP_JOBLOG_MAX_LINE, line->text, line->len,
                        &log->pending_truncated);
            log->pending_unended = line->unended;
            return 0;
        }
    }
    if (log->pending) {
        release(log);
        ready = 1;
    }
    keep(log, line, &prefix);
    return ready;
}

/* Makes the next logical line active: 1, 0 when bytes are wanted, -1 when memory ran out. */
static int next_logical(gp_joblog *log)
{
    static const gp_joblog_prefix none = {-1, 0, 0};
    text_range line;
    while (take_physical(log, &line)) {
        if (log->timestamps < 0) log->timestamps = has_prefix(line.text, line.len);
        if (!log->timestamps) {
            begin(log, &line, &none);
            return 1;
        }
        if (take_stamped(log, &line)) return log->broken ? -1 : 1;
    }
    if (log->broken) return -1;
    if (!log->finishing || !log->pending) return 0;
    release(log);
    return 1;
}

/* ---- Taking a logical line apart: escapes, overwriting, section markers. ---- */

static int same_style(const gp_style *a, const gp_style *b)
{
    return a->foreground == b->foreground && a->background == b->background &&
           a->attributes == b->attributes;
}

static void add_span(gp_joblog *log, size_t start, size_t len)
{
    gp_joblog_span *last = log->span_count ? &log->spans[log->span_count - 1] : NULL;
    if (len == 0 || gp_style_is_default(&log->style)) return;
    if (last && last->start + last->len == start && same_style(&last->style, &log->style)) {
        last->len += len;
    } else if (log->span_count < GP_JOBLOG_MAX_SPANS) {
        log->spans[log->span_count].start = start;
        log->spans[log->span_count].len = len;
        log->spans[log->span_count].style = log->style;
        log->span_count++;
    }
}

static void wipe(gp_joblog *log)
{
    gp_buf_clear(&log->plain);
    log->span_count = 0;
    log->overwrite = 0;
}

static void put(gp_joblog *log, const char *text, size_t len)
{
    if (log->overwrite) wipe(log);
    add_span(log, log->plain.len, len);
    gp_buf_add(&log->plain, text, len);
    if (log->plain.failed) log->broken = 1;
}

/* "K": erases to the line's end, start, or all of it. The cursor stands at the end of the text, or
 * at its start after a carriage return. */
static void erase_line(gp_joblog *log, const char *parameters, size_t len)
{
    char what = len ? parameters[0] : '0';
    if (what != '0' || log->overwrite) wipe(log);
}

/* Consumes the escape at `at`, and applies it if it is a style or an erasure. */
static void take_escape(gp_joblog *log)
{
    const char *text = log->text;
    size_t at = log->at + 1, end = log->text_len, parameters;
    int standard;
    if (at < end && text[at] == '[') {
        parameters = ++at;
        while (at < end && (unsigned char)text[at] >= 0x20 && (unsigned char)text[at] < 0x40)
            at++;
        /* Parameters that begin with one of "<=>?" are private and mean something else. */
        standard = at < end && (text[parameters] < '<' || text[parameters] > '?');
        if (standard && text[at] == 'm') {
            gp_style_apply(&log->style, text + parameters, at - parameters);
        } else if (standard && text[at] == 'K') {
            erase_line(log, text + parameters, at - parameters);
        }
        at++;
    } else if (at < end && text[at] == ']') {
        while (at < end && text[at] != '\a' && text[at] != '\033')
            at++;
        if (at + 1 < end && text[at] == '\033' && text[at + 1] == '\\') at++;
        at++;
    } else {
        while (at < end && text[at] >= 0x20 && text[at] < 0x30)
            at++;
        at++;
    }
    log->at = at < end ? at : end;
}

typedef struct marker {
    int start; /* else it is an end */
    double time;
    const char *name;
    size_t name_len;
    const char *options;
    size_t options_len;
} marker;

static int is_name_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == '-';
}

/* Reads a marker that fills exactly `len` bytes: "section_start:1560896352:name[options]". */
static int read_marker(const char *text, size_t len, marker *found)
{
    static const char start[] = "section_start:", end[] = "section_end:";
    size_t at;
    memset(found, 0, sizeof *found);
    if (len > sizeof start && memcmp(text, start, sizeof start - 1) == 0) {
        found->start = 1;
        at = sizeof start - 1;
    } else if (len > sizeof end && memcmp(text, end, sizeof end - 1) == 0) {
        at = sizeof end - 1;
    } else {
        return 0;
    }
    if (!is_digit(text[at])) return 0;
    for (; at < len && is_digit(text[at]); at++)
        found->time = found->time * 10 + (text[at] - '0');
    if (at == len || text[at++] != ':') return 0;
    found->name = text + at;
    while (at < len && is_name_byte(text[at]))
        at++;
    found->name_len = (size_t)(text + at - found->name);
    if (found->name_len == 0) return 0;
    if (at == len) return 1;
    if (text[at] != '[' || text[len - 1] != ']' || len - at < 2) return 0;
    found->options = text + at + 1;
    found->options_len = len - at - 2;
    return 1;
}

/* Where in `len` bytes that end at a carriage return a marker begins; `len` when none does. */
static size_t find_marker(const char *text, size_t len, marker *found)
{
    static const char word[] = "section_";
    const char *at = text, *next;
    while ((next = memmem(at, len - (size_t)(at - text), word, sizeof word - 1)) != NULL) {
        size_t offset = (size_t)(next - text);
        if (read_marker(next, len - offset, found)) return offset;
        at = next + 1;
    }
    return len;
}

static void copy_name(char *target, size_t size, const char *text, size_t len)
{
    if (len >= size) len = size - 1;
    if (len) memcpy(target, text, len);
    target[len] = 0;
}

static int open_section(gp_joblog *log, const marker *found, gp_joblog_event *event)
{
    gp_joblog_section *section;
    if (log->depth == GP_JOBLOG_MAX_DEPTH) return 0;
    section = &log->open[log->depth++];
    copy_name(section->name, sizeof section->name, found->name, found->name_len);
    copy_name(section->options, sizeof section->options, found->options, found->options_len);
    section->started = found->time;
    section->ended = -1;
    section->first_line = section->last_line = 0;
    log->header = 1;
    event->kind = GP_JOBLOG_SECTION_START;
    event->section = section;
    return 1;
}

/* Closes the innermost section of that name and those inside it; an end of none is no event. */
static int close_section(gp_joblog *log, const marker *found, gp_joblog_event *event)
{
    char name[GP_JOBLOG_MAX_NAME];
    size_t i;
    copy_name(name, sizeof name, found->name, found->name_len);
    log->header = 0;
    for (i = log->depth; i-- > 0;) {
        if (strcmp(log->open[i].name, name) != 0) continue;
        log->closed = log->open[i];
        log->closed.ended = found->time;
        log->depth = i;
        event->kind = GP_JOBLOG_SECTION_END;
        event->section = &log->closed;
        return 1;
    }
    return 0;
}

/* The number after the last blank of "exit code 2"; -1 when that is not how the text ends. */
static long long code_at_end(const char *text, size_t len)
{
    static const char *const words[] = {"exit code ", "exit status "};
    size_t digits = len, i;
    long long code = 0;
    while (digits > 0 && is_digit(text[digits - 1]))
        digits--;
    if (digits == len) return -1;
    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t word = strlen(words[i]);
        if (digits < word || memcmp(text + digits - word, words[i], word) != 0) continue;
        /* Windows has 32-bit codes; longer numbers are not exit codes. */
        if (len - digits > 10) return -1;
        for (; digits < len; digits++)
            code = code * 10 + (text[digits] - '0');
        return code;
    }
    return -1;
}

/* The runner's last line: "Job succeeded", or "ERROR: Job failed: exit code 2", with "exit status"
 * from a shell and "command terminated with exit code" from a cluster. */
static void note_exit_code(gp_joblog *log, const char *text, size_t len)
{
    static const char good[] = "Job succeeded", bad[] = "ERROR: Job failed: ";
    size_t start = sizeof bad - 1;
    if (len == 0) return;
    log->exit_code = -1;
    if (len == sizeof good - 1 && memcmp(text, good, len) == 0) log->exit_code = 0;
    if (len <= start || memcmp(text, bad, start) != 0) return;
    log->exit_code = code_at_end(text + start, len - start);
}

static void emit_line(gp_joblog *log, const char *plain, size_t len, gp_joblog_event *event)
{
    size_t i;
    event->kind = GP_JOBLOG_LINE;
    event->number = ++log->number;
    event->time = log->prefix.time;
    event->stream = log->prefix.stream;
    event->stream_number = log->prefix.stream_number;
    event->is_header = log->header;
    event->truncated = log->truncated;
    event->raw = log->text + log->raw_start;
    event->raw_len = log->at - log->raw_start;
    if (event->raw_len > 0 && event->raw[event->raw_len - 1] == '\r') event->raw_len--;
    event->plain = plain;
    event->plain_len = len;
    event->spans = log->spans;
    event->span_count = log->span_count;
    event->section = log->depth ? &log->open[log->depth - 1] : NULL;
    log->header = 0;
    for (i = 0; i < log->depth; i++) {
        if (log->open[i].first_line == 0) log->open[i].first_line = log->number;
        log->open[i].last_line = log->number;
    }
    note_exit_code(log, plain, len);
}

/* Text up to the next escape or carriage return, or a marker in it. 1 when `event` was filled. */
static int take_text(gp_joblog *log, gp_joblog_event *event)
{
    const char *text = log->text + log->at;
    size_t rest = log->text_len - log->at, len = 0, start;
    marker found;
    while (len < rest && text[len] != '\033' && text[len] != '\r')
        len++;
    start = len < rest && text[len] == '\r' ? find_marker(text, len, &found) : len;
    if (start > 0) put(log, text, start);
    log->at += start;
    if (start == len) return 0;
    /* Text before a marker is a line of its own, in the section before it. */
    if (log->plain.len > 0) {
        emit_line(log, log->plain.data, log->plain.len, event);
        log->raw_start = log->at;
        return 1;
    }
    log->at += len - start + 1;
    log->had_marker = 1;
    log->raw_start = log->at;
    return found.start ? open_section(log, &found, event) : close_section(log, &found, event);
}

/* One step through the active line: 1 when `event` was filled, 0 when the line has ended. */
static int step(gp_joblog *log, gp_joblog_event *event)
{
    if (log->raw_start > 0 && log->raw_start == log->at) wipe(log);
    if (log->at == 0 && !memchr(log->text, '\033', log->text_len) &&
        !memchr(log->text, '\r', log->text_len)) {
        log->at = log->text_len;
        log->active = 0;
        add_span(log, 0, log->text_len);
        emit_line(log, log->text, log->text_len, event);
        return 1;
    }
    while (log->at < log->text_len && !log->broken) {
        if (log->text[log->at] == '\033') {
            take_escape(log);
        } else if (log->text[log->at] == '\r') {
            log->at++;
            log->overwrite = 1;
        } else if (take_text(log, event)) {
            return 1;
        }
    }
    log->active = 0;
    if (log->broken) return 0;
    /* A marker alone is no line; nor is the escape behind the last line's end that ends its colour.
     */
    if (log->plain.len == 0 && (log->had_marker || log->unended)) return 0;
    emit_line(log, gp_buf_text(&log->plain), log->plain.len, event);
    return 1;
}

int gp_joblog_next(gp_joblog *log, gp_joblog_event *event)
{
    memset(event, 0, sizeof *event);
    event->time = -1;
    for (;;) {
        int ready;
        if (log->active && step(log, event)) return 1;
        if (log->broken) return -1;
        ready = next_logical(log);
        if (ready <= 0) return ready;
    }
}

int gp_joblog_is_inside(const gp_joblog *log, const char *section)
{
    size_t i;
    for (i = 0; i < log->depth; i++) {
        if (strcmp(log->open[i].name, section) == 0) return 1;
    }
    return 0;
}

long long gp_joblog_exit_code(const gp_joblog *log)
{
    return log->exit_code;
}

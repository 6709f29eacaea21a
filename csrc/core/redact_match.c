#include "core/redact_match.h"

#include "core/joblog.h"

/* The most bytes that may interrupt one secret, and the most consecutive line feeds. */
enum { MAX_GAPS = 4096, MAX_BREAKS = 2 };

/* Does the text's byte `c` match the needle's byte `wanted`? */
static int fits(const gp_redact_needle *needle, int mode, unsigned char wanted, unsigned char c)
{
    switch (needle->kind) {
    case GP_NEEDLE_SECRET:
        return c == wanted || (c == '+' && wanted == ' ' && (mode & GP_READ_PERCENT));
    case GP_NEEDLE_BASE64:
        return c == wanted || (c == '-' && wanted == '+') || (c == '_' && wanted == '/');
    case GP_NEEDLE_TOKEN:
    case GP_NEEDLE_WIDE_TOKEN:
        return c == wanted;
    default:
        return gp_redact_lower(c) == wanted;
    }
}

/* Do the needle's bytes from `done` on begin with what the unit stands for? */
static int takes(const gp_redact_needle *needle, int mode, size_t done, const gp_redact_unit *u)
{
    size_t i, count = (size_t)u->count;
    if (needle->len - done < count) return 0;
    for (i = 0; i < count; i++) {
        if (!fits(needle, mode, (unsigned char)needle->bytes[done + i], u->bytes[i])) return 0;
    }
    return 1;
}

/* A position with either a timestamp or digits of the secret: the digits are tried first. */
typedef struct fork {
    size_t at, done;
    int stamp; /* its length, -1 if the text ends in it, 0 for none */
} fork;

/* The state of a comparison. */
typedef struct comparison {
    const gp_redact_needle *needle;
    int mode;
    const char *s;
    size_t n;
    size_t at;   /* bytes of the text consumed */
    size_t done; /* bytes of the needle matched */
    int breaks;  /* line feeds since the last match */
    fork other;
} comparison;

/* A known secret may be interrupted. */
static gp_redact_found pass_gap(comparison *c)
{
    const char *s = c->s + c->at;
    gp_redact_gap g;
    gp_redact_found found = gp_redact_read_gap(s, c->n - c->at, c->mode, c->breaks > 0, &g);
    if (found != GP_FOUND_YES) return found;
    if (g.ends_line) {
        if (!c->needle->tail && c->done < GP_NEEDLE_HEAD) return GP_FOUND_NO;
        c->breaks += *s != '\r';
        if (c->breaks > MAX_BREAKS) return GP_FOUND_NO;
    }
    c->at += g.len;
    return GP_FOUND_YES;
}

/* One step: GP_FOUND_YES if it goes on. */
static gp_redact_found compare_step(comparison *c)
{
    const char *s = c->s + c->at;
    size_t n = c->n - c->at;
    gp_redact_unit u;
    if (n == 0 || !gp_redact_read_unit(s, n, c->mode, &u)) return GP_FOUND_MORE;
    if (takes(c->needle, c->mode, c->done, &u)) {
        int stamp = c->breaks ? gp_joblog_stamp(s, n) : 0;
        if (stamp) c->other = (fork){c->at, c->done, stamp};
        c->at += u.len;
        c->done += (size_t)u.count;
        c->breaks = 0;
        return GP_FOUND_YES;
    }
    return !c->done || c->needle->kind > GP_NEEDLE_BASE64 ? GP_FOUND_NO : pass_gap(c);
}

static gp_redact_found compare(const gp_redact_needle *needle, int mode, const char *s, size_t n,
                               size_t *len)
{
    comparison c = {.needle = needle, .mode = mode, .s = s, .n = n};
    while (c.done < needle->len) {
        gp_redact_found found = compare_step(&c);
        if (c.at > GP_REDACT_MAX_UNIT * c.done + MAX_GAPS) found = GP_FOUND_NO;
        if (found == GP_FOUND_MORE || (found == GP_FOUND_NO && c.other.stamp < 0)) {
            return GP_FOUND_MORE;
        }
        if (found == GP_FOUND_YES) continue;
        if (!c.other.stamp) return GP_FOUND_NO;
        c.at = c.other.at + (size_t)c.other.stamp;
        c.done = c.other.done;
        c.other.stamp = 0;
        c.breaks = 1;
    }
    *len = c.at;
    return GP_FOUND_YES;
}

gp_redact_found gp_redact_match(const gp_redact_needle *needle, const char *s, size_t n,
                                size_t *len)
{
    gp_redact_found all = GP_FOUND_NO;
    int mode;
    if (!needle->ambiguous) return compare(needle, GP_READ_BOTH, s, n, len);
    *len = 0;
    for (mode = GP_READ_RAW; mode <= GP_READ_BOTH; mode++) {
        size_t this_len = 0;
        gp_redact_found one = compare(needle, mode, s, n, &this_len);
        if (this_len > *len) *len = this_len;
        if (one == GP_FOUND_MORE || all == GP_FOUND_NO) all = one;
    }
    return all;
}

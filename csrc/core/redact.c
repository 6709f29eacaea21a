#include "core/redact.h"

#include <stdint.h>
#include <string.h>

#include "core/joblog.h"
#include "core/secret.h"

/* The greatest length of a userinfo that is waited for; a longer one is taken to be one. */
#define MAX_USERINFO 1024

/* The greatest number of bytes that may interrupt one secret, of units of one escape sequence, and
 * of line feeds in a row. */
enum { MAX_GAPS = 4096, MAX_ESCAPE = 256, MAX_BREAKS = 2 };

/* The longest way in which a byte is written: half of a pair of \\uXXXX. */
enum { MAX_UNIT = 12 };

/* A line that ends in fewer bytes of a secret is not held back for the next one: what follows of
 * the secret there is looked for by itself, from each of these bytes on. */
enum { HEAD = 4 };

/* What a needle is found for. */
enum kind {
    KIND_SECRET,       /* covered itself */
    KIND_HEX,          /* a secret in hexadecimal, lower case: compared in any case */
    KIND_BASE64,       /* a secret in base64: both alphabets, line breaks inside */
    KIND_TOKEN,        /* a prefix of tokens */
    KIND_WIDE_TOKEN,   /* a prefix of tokens in base64 */
    KIND_HEADER,       /* a header's name */
    KIND_PARAMETER,    /* a parameter's name */
    KIND_PARAMETER_OF, /* the beginning of parameters' names */
    KIND_AUTHORITY     /* :// */
};

/* Which escapes a text is read with. */
enum mode { MODE_RAW = 0, MODE_PERCENT = 1, MODE_JSON = 2, MODE_BOTH = 3 };

struct gp_redact_needle {
    char *bytes;
    size_t len;
    int kind;
    int tail;      /* without the first of its bytes: looked for at the beginning of lines */
    int ambiguous; /* holds % or \: to be compared in each mode, else in MODE_BOTH alone */
    int next;
};

enum state {
    STATE_PLAIN,
    STATE_NAME,         /* in the rest of a parameter's name */
    STATE_BEHIND_NAME,  /* expects a separator */
    STATE_BEFORE_VALUE, /* expects the value's first byte */
    STATE_QUOTED,
    STATE_PARAMETER,
    STATE_HEADER,
    STATE_TOKEN,
    STATE_USERINFO,
    STATE_ENDLESS_USERINFO
};

static const char *const token_prefixes[] = {
    "glpat-",   "glcbt-", "glptt-", "gldt-", "glrt-",   "glrtr-",  "gloas-",
    "glagent-", "glft-",  "glimt-", "glwt-", "glsoat-", "glffct-",
};

static const char *const secret_headers[] = {
    "private-token",  "job-token",         "authorization", "proxy-authorization",
    "x-gitlab-token", "webhook-signature", "cookie",        "set-cookie",
};

static const char *const parameters[] = {
    "private_token", "job_token", "access_token", "token", "sig", "signature",
};

static const char *const parameter_families[] = {"x-amz-", "x-goog-"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static int is_alnum(int c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

static int is_one_of(int c, const char *set)
{
    return c && strchr(set, c) != NULL;
}

static int is_name_byte(int c)
{
    return is_alnum(c) || c == '_' || c == '-';
}

static int is_quote(int c)
{
    return c == '"' || c == '\'' || c == '`';
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The redactor */

static int add_part(gp_redactor *redactor, int kind, int tail, const char *bytes, size_t len)
{
    gp_redact_needle *needle;
    unsigned char first = (unsigned char)lower((unsigned char)*bytes);
    if (redactor->count == redactor->cap) {
        size_t cap = redactor->cap ? redactor->cap * 2 : 64;
        void *grown = redactor->alloc->resize(redactor->alloc->ctx, redactor->needles,
                                              redactor->cap * sizeof *needle, cap * sizeof *needle);
        if (!grown) return 0;
        redactor->needles = grown;
        redactor->cap = cap;
    }
    needle = &redactor->needles[redactor->count];
    needle->bytes = redactor->alloc->resize(redactor->alloc->ctx, NULL, 0, len);
    if (!needle->bytes) return 0;
    memcpy(needle->bytes, bytes, len);
    needle->len = len;
    needle->kind = kind;
    needle->tail = tail;
    needle->ambiguous = memchr(bytes, '%', len) || memchr(bytes, '\\', len);
    needle->next = redactor->first[first];
    redactor->first[first] = (int)redactor->count++;
    return 1;
}

static int add_needle(gp_redactor *redactor, int kind, const char *bytes, size_t len)
{
    return add_part(redactor, kind, 0, bytes, len);
}

/* A form of a secret: whole, and as it goes on in a line when few of its bytes ended the last. */
static int add_secret(gp_redactor *redactor, int kind, const char *bytes, size_t len)
{
    size_t from;
    if (!add_needle(redactor, kind, bytes, len)) return 0;
    for (from = 1; from < HEAD && len >= from + HEAD; from++) {
        if (!add_part(redactor, kind, 1, bytes + from, len - from)) return 0;
    }
    return 1;
}

/* Takes back all needles from `count` on: the newest are the heads of their chains. */
static void drop_needles(gp_redactor *redactor, size_t count)
{
    while (redactor->count > count) {
        gp_redact_needle *needle = &redactor->needles[--redactor->count];
        redactor->first[lower((unsigned char)*needle->bytes)] = needle->next;
        explicit_bzero(needle->bytes, needle->len);
        redactor->alloc->resize(redactor->alloc->ctx, needle->bytes, needle->len, 0);
    }
}

static int add_list(gp_redactor *redactor, int kind, const char *const *list, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (!add_needle(redactor, kind, list[i], strlen(list[i]))) return 0;
    }
    return 1;
}

int gp_redactor_init_known(gp_redactor *redactor, const gp_alloc *alloc)
{
    memset(redactor, 0, sizeof *redactor);
    memset(redactor->first, -1, sizeof redactor->first);
    redactor->alloc = alloc;
    return 1;
}

int gp_redactor_init(gp_redactor *redactor, const gp_alloc *alloc)
{
    gp_redactor_init_known(redactor, alloc);
    return add_list(redactor, KIND_TOKEN, token_prefixes, COUNT(token_prefixes)) &&
           add_needle(redactor, KIND_WIDE_TOKEN, "whsec_", 6) &&
           add_list(redactor, KIND_HEADER, secret_headers, COUNT(secret_headers)) &&
           add_list(redactor, KIND_PARAMETER, parameters, COUNT(parameters)) &&
           add_list(redactor, KIND_PARAMETER_OF, parameter_families, COUNT(parameter_families)) &&
           add_needle(redactor, KIND_AUTHORITY, "://", 3);
}

void gp_redactor_close(gp_redactor *redactor)
{
    drop_needles(redactor, 0);
    if (redactor->needles)
        redactor->alloc->resize(redactor->alloc->ctx, redactor->needles,
                                redactor->cap * sizeof *redactor->needles, 0);
    redactor->needles = NULL;
    redactor->cap = 0;
}

/* Writes the secret in hexadecimal. */
static void write_hex(gp_buf *out, const char *secret, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < len; i++) {
        gp_buf_addc(out, digits[(unsigned char)secret[i] >> 4]);
        gp_buf_addc(out, digits[secret[i] & 15]);
    }
}

/*
 * Writes those letters of base64 that the secret alone decides when `before` bytes stand before it
 * in its group of three: what its neighbours have a part in is left out at both ends.
 */
static void write_base64(gp_buf *out, const char *secret, size_t len, size_t before)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned held = 0, bits = 0, skip = (unsigned)(before ? 6 - before * 8 % 6 : 0);
    size_t i;
    for (i = 0; i < len; i++) {
        held = (held << 8 | (unsigned char)secret[i]) & 0xffff;
        bits += 8;
        if (!i) bits -= skip;
        for (; bits >= 6; bits -= 6)
            gp_buf_addc(out, letters[held >> (bits - 6) & 63]);
    }
}

int gp_redactor_add(gp_redactor *redactor, const char *secret, size_t len)
{
    size_t count = redactor->count, i;
    gp_buf text;
    int added, form;
    if (!len) return 1;
    for (i = 0; i < count; i++) {
        const gp_redact_needle *known = &redactor->needles[i];
        if (known->kind == KIND_SECRET && !known->tail && known->len == len &&
            !memcmp(known->bytes, secret, len))
            return 1;
    }
    gp_buf_init(&text, redactor->alloc);
    added = add_secret(redactor, KIND_SECRET, secret, len);
    /* Reserved once: the buffer never grows, so no block with secret bytes is left behind. Short
     * encoded forms would be found everywhere. */
    if (added && len >= 6 && gp_buf_reserve(&text, 2 * len)) {
        for (form = 0; form < 4 && added; form++) {
            text.len = 0;
            if (form == 3) {
                write_hex(&text, secret, len);
            } else {
                write_base64(&text, secret, len, (size_t)form);
            }
            added = add_secret(redactor, form == 3 ? KIND_HEX : KIND_BASE64, text.data, text.len);
        }
    }
    added = added && !text.failed;
    gp_buf_free_secret(&text);
    if (!added) drop_needles(redactor, count);
    return added;
}

int gp_redactor_add_prefix(gp_redactor *redactor, const char *prefix, size_t len)
{
    return !len || add_needle(redactor, KIND_TOKEN, prefix, len);
}

int gp_redact_is_secret_header(const char *name, size_t len)
{
    size_t i, k;
    for (i = 0; i < COUNT(secret_headers); i++) {
        if (strlen(secret_headers[i]) != len) continue;
        for (k = 0; k < len && lower((unsigned char)name[k]) == secret_headers[i][k]; k++)
            continue;
        if (k == len) return 1;
    }
    return 0;
}

/* Units */

/* A byte of the text, or an escape, and the bytes that it stands for. */
typedef struct unit {
    size_t len;
    int escape; /* 0, '%' or '\\' */
    unsigned char bytes[4];
    int count;
} unit;

enum { INCOMPLETE = -2, NOT = -1 };

/* The value of "\uXXXX" at `s`, NOT, or INCOMPLETE where the text ends too early. */
static long code_unit(const char *s, size_t n)
{
    long value = 0;
    size_t i;
    for (i = 0; i < 6; i++) {
        int digit;
        if (i == n) return INCOMPLETE;
        if (i < 2) {
            if (s[i] != "\\u"[i]) return NOT;
            continue;
        }
        digit = hex_value((unsigned char)s[i]);
        if (digit < 0) return NOT;
        value = value * 16 + digit;
    }
    return value;
}

static void put_utf8(unit *u, long code)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int i, count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    u->count = count;
    for (i = count - 1; i > 0; i--, code >>= 6)
        u->bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
    u->bytes[0] = (unsigned char)(code | (count > 1 ? marks[count] : 0));
}

/* Reads "\u00e9" or a pair of surrogates; 0 where the text ends too early. */
static int read_code(const char *s, size_t n, unit *u)
{
    long code = code_unit(s, n), low;
    if (code == INCOMPLETE) return 0;
    if (code == NOT) return 1;
    u->len = 6;
    if (code >= 0xd800 && code < 0xdc00) {
        low = code_unit(s + 6, n - 6);
        if (low == INCOMPLETE) return 0;
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            u->len = 12;
        }
    }
    u->escape = '\\';
    put_utf8(u, code);
    return 1;
}

/* Reads "\n" and its kind, or "\uXXXX". */
static int read_backslash(const char *s, size_t n, unit *u)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;
    if (n < 2) return 0;
    if (s[1] == 'u') return read_code(s, n, u);
    found = s[1] ? strchr(from, s[1]) : NULL;
    if (!found) return 1;
    u->len = 2;
    u->escape = '\\';
    u->bytes[0] = (unsigned char)to[found - from];
    return 1;
}

static int read_percent(const char *s, size_t n, unit *u)
{
    int high, low;
    if (n < 2) return 0;
    high = hex_value((unsigned char)s[1]);
    if (high < 0) return 1;
    if (n < 3) return 0;
    low = hex_value((unsigned char)s[2]);
    if (low < 0) return 1;
    u->len = 3;
    u->escape = '%';
    u->bytes[0] = (unsigned char)(high * 16 + low);
    return 1;
}

/* Reads the unit at `s` (n > 0). Returns 0 where the text ends inside an escape; then, and where
 * an escape is none, the unit is the byte itself. */
static int read_unit(const char *s, size_t n, int mode, unit *u)
{
    u->len = 1;
    u->escape = 0;
    u->bytes[0] = (unsigned char)*s;
    u->count = 1;
    if (*s == '%' && (mode & MODE_PERCENT)) return read_percent(s, n, u);
    if (*s == '\\' && (mode & MODE_JSON)) return read_backslash(s, n, u);
    return 1;
}

enum result { RESULT_NO, RESULT_MORE, RESULT_YES };

/* Gaps */

/* What interrupts a secret and is not seen where the text is shown: the end of a line, with the
 * runner's timestamp in the next; an escape sequence; a control character; a character without
 * width. */
typedef struct gap {
    size_t len;
    int ends_line;
    int kept; /* it stays where the secret goes: lines and their colours */
} gap;

static int is_stamp(const char *s, size_t n)
{
    return gp_joblog_stamp(s, n);
}

/* Code points that take no room: they join, part or turn what is beside them. */
static int is_invisible(long code)
{
    return code == 0xad || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

/* Reads one character, whatever units it is written in: MORE, or YES and its code point; a byte of
 * none is one. */
static enum result read_character(const char *s, size_t n, int mode, long *code, size_t *len)
{
    unsigned char bytes[4] = {0};
    int have = 0, want, i;
    unit u;
    *len = 0;
    do {
        if (*len == n || !read_unit(s + *len, n - *len, mode, &u)) return RESULT_MORE;
        for (i = 0; i < u.count && have < 4; i++)
            bytes[have++] = u.bytes[i];
        *len += u.len;
        *code = bytes[0];
        want = bytes[0] < 0xc2 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 1;
        if (have > 1 && (bytes[have - 1] & 0xc0) != 0x80) want = 0;
    } while (have < want);
    if (want == 2) *code = (bytes[0] & 0x1f) << 6 | (bytes[1] & 0x3f);
    if (want == 3) *code = (bytes[0] & 0x0f) << 12 | (bytes[1] & 0x3f) << 6 | (bytes[2] & 0x3f);
    if (!want) *code = 'x';
    return RESULT_YES;
}

/* Reads to the final byte of a control sequence, or to the end of a string that a terminal takes;
 * `*len` stands behind how it began. */
static enum result read_sequence(const char *s, size_t n, int mode, int string, gap *g)
{
    int units, c = 0, escape = 0;
    for (units = 0; units < MAX_ESCAPE; units++) {
        unit u;
        if (g->len == n) return RESULT_MORE;
        /* Raw, what follows the backslash is not to be read with it. */
        if (!read_unit(s + g->len, n - g->len, escape == 1 ? MODE_RAW : mode, &u))
            return RESULT_MORE;
        c = u.bytes[0];
        g->len += u.len;
        if (string ? c == '\a' || (escape && c == '\\') : c >= 0x40 && c < 0x7f) {
            g->kept = !string && units < 20 && (c == 'm' || c == 'K');
            return RESULT_YES;
        }
        if (!string && (c < 0x20 || c >= 0x7f)) return RESULT_NO;
        escape = c == 0x1b ? (int)u.len : 0;
    }
    return RESULT_NO;
}

static enum result read_escape(const char *s, size_t n, int mode, gap *g)
{
    unit u;
    do {
        if (g->len == n || !read_unit(s + g->len, n - g->len, mode, &u)) return RESULT_MORE;
        g->len += u.len;
        if (u.bytes[0] == '[') return read_sequence(s, n, mode, 0, g);
        if (is_one_of(u.bytes[0], "]PX^_")) return read_sequence(s, n, mode, 1, g);
    } while (u.bytes[0] >= 0x20 && u.bytes[0] < 0x30 && g->len < MAX_ESCAPE);
    return u.bytes[0] >= 0x30 && u.bytes[0] < 0x7f ? RESULT_YES : RESULT_NO;
}

/* What interrupts at `s`; `begins_line`: a line has ended right before. */
static enum result read_gap(const char *s, size_t n, int mode, int begins_line, gap *g)
{
    enum result found;
    long code;
    int stamp = begins_line ? is_stamp(s, n) : 0;
    g->ends_line = 0;
    g->kept = 1;
    g->len = stamp > 0 ? (size_t)stamp : 0;
    if (stamp) return stamp > 0 ? RESULT_YES : RESULT_MORE;
    found = read_character(s, n, mode, &code, &g->len);
    if (found != RESULT_YES) return found;
    g->ends_line = code == '\n' || code == '\r';
    g->kept = g->ends_line && g->len == 1;
    if (g->ends_line) return RESULT_YES;
    if (code == 0x1b) return read_escape(s, n, mode, g);
    if (code == 0x9b) return read_sequence(s, n, mode, 0, g);
    return (code < ' ' && code != '\t') || (code >= 0x7f && code < 0xa0) || is_invisible(code)
               ? RESULT_YES
               : RESULT_NO;
}

/* Needles */

/* Does the text's byte `c` do for the needle's byte `wanted`? */
static int fits(const gp_redact_needle *needle, int mode, unsigned char wanted, unsigned char c)
{
    switch (needle->kind) {
    case KIND_SECRET:
        return c == wanted || (c == '+' && wanted == ' ' && (mode & MODE_PERCENT));
    case KIND_BASE64:
        return c == wanted || (c == '-' && wanted == '+') || (c == '_' && wanted == '/');
    case KIND_TOKEN:
    case KIND_WIDE_TOKEN:
        return c == wanted;
    default:
        return lower(c) == wanted;
    }
}

/* Do the needle's bytes from `done` on begin with what the unit stands for? */
static int takes(const gp_redact_needle *needle, int mode, size_t done, const unit *u)
{
    size_t i, count = (size_t)u->count;
    if (needle->len - done < count) return 0;
    for (i = 0; i < count; i++) {
        if (!fits(needle, mode, (unsigned char)needle->bytes[done + i], u->bytes[i])) return 0;
    }
    return 1;
}

/* A known secret may be interrupted: `done` bytes of it stand before. */
static enum result pass_gap(const gp_redact_needle *needle, int mode, const char *s, size_t n,
                            size_t done, int *breaks, gap *g)
{
    enum result found = read_gap(s, n, mode, *breaks > 0, g);
    if (found != RESULT_YES) return found;
    if (!g->ends_line) return RESULT_YES;
    if (!needle->tail && done < HEAD) return RESULT_NO;
    *breaks += *s != '\r';
    return *breaks > MAX_BREAKS ? RESULT_NO : RESULT_YES;
}

/* Where a timestamp may stand, or digits of the secret: these are tried first. */
typedef struct fork {
    size_t at, done;
    int stamp; /* its length, -1 if the text ends in it, 0 for none */
} fork;

/* One step of a comparison: RESULT_YES if it goes on. */
static enum result compare_step(const gp_redact_needle *needle, int mode, const char *s, size_t n,
                                size_t *at, size_t *done, int *breaks, fork *other)
{
    enum result found;
    unit u;
    gap g;
    if (*at == n || !read_unit(s + *at, n - *at, mode, &u)) return RESULT_MORE;
    if (takes(needle, mode, *done, &u)) {
        int stamp = *breaks ? is_stamp(s + *at, n - *at) : 0;
        if (stamp) *other = (fork){*at, *done, stamp};
        *at += u.len;
        *done += (size_t)u.count;
        *breaks = 0;
        return RESULT_YES;
    }
    if (!*done || needle->kind > KIND_BASE64) return RESULT_NO;
    found = pass_gap(needle, mode, s + *at, n - *at, *done, breaks, &g);
    if (found == RESULT_YES) *at += g.len;
    return found;
}

static enum result compare(const gp_redact_needle *needle, int mode, const char *s, size_t n,
                           size_t *len)
{
    size_t done = 0, at = 0;
    int breaks = 0;
    fork other = {0, 0, 0};
    while (done < needle->len) {
        enum result found = compare_step(needle, mode, s, n, &at, &done, &breaks, &other);
        if (at > MAX_UNIT * done + MAX_GAPS) found = RESULT_NO;
        if (found == RESULT_MORE || (found == RESULT_NO && other.stamp < 0)) return RESULT_MORE;
        if (found == RESULT_YES) continue;
        if (!other.stamp) return RESULT_NO;
        at = other.at + (size_t)other.stamp;
        done = other.done;
        other.stamp = 0;
        breaks = 1;
    }
    *len = at;
    return RESULT_YES;
}

/* Compares in every mode that matters; the longest match is *len. MORE wins over YES, since a
 * longer match may come. */
static enum result compare_all(const gp_redact_needle *needle, const char *s, size_t n, size_t *len)
{
    enum result all = RESULT_NO;
    int mode;
    if (!needle->ambiguous) return compare(needle, MODE_BOTH, s, n, len);
    *len = 0;
    for (mode = MODE_RAW; mode <= MODE_BOTH; mode++) {
        size_t this_len = 0;
        enum result one = compare(needle, mode, s, n, &this_len);
        if (this_len > *len) *len = this_len;
        if (one == RESULT_MORE || all == RESULT_NO) all = one;
    }
    return all;
}

/* The walk */

typedef struct walk {
    gp_redact_stream *stream;
    const char *s;
    size_t n, at;
    int final; /* nothing follows: what is incomplete is no match */
    const gp_redact_needle *found;
    size_t found_len;
} walk;

static void cover(gp_redact_stream *stream, size_t until)
{
    if (until > stream->cover_until) stream->cover_until = until;
}

/* Tries the chain of one first byte: secrets extend the cover, the longest of the others is kept
 * in `found`. Returns 0 if more text is needed to know. */
static int try_chain(walk *w, int first, int structures)
{
    const gp_redactor *redactor = w->stream->redactor;
    int i;
    for (i = redactor->first[lower(first)]; i >= 0; i = redactor->needles[i].next) {
        const gp_redact_needle *needle = &redactor->needles[i];
        int secret = needle->kind <= KIND_BASE64;
        size_t len = 0;
        if (!secret && !structures) continue;
        if (needle->tail && !w->stream->begins_line) continue;
        if (needle->kind >= KIND_HEADER && needle->kind <= KIND_PARAMETER_OF &&
            is_name_byte(w->stream->previous))
            continue;
        if (compare_all(needle, w->s + w->at, w->n - w->at, &len) == RESULT_MORE && !w->final)
            return 0;
        if (secret) {
            cover(w->stream, len ? w->at + len : 0);
        } else if (len > w->found_len) {
            w->found = needle;
            w->found_len = len;
        }
    }
    return 1;
}

/* Tries everything that may begin here. */
static int try_here(walk *w, const unit *u, int structures)
{
    int raw = (unsigned char)w->s[w->at], meant = u->bytes[0];
    w->found = NULL;
    w->found_len = 0;
    if (!try_chain(w, raw, structures)) return 0;
    if (raw == '+') meant = ' ';
    /* A base64 needle knows its own second alphabet. */
    if (raw == '-') meant = '+';
    if (raw == '_') meant = '/';
    return lower(raw) == lower(meant) || try_chain(w, meant, structures);
}

static int is_token_byte(int c, int wide)
{
    return is_name_byte(c) || c == '.' || (wide && is_one_of(c, "+/="));
}

/* Does a control character, a blank, a quote or one of `more` end a value here? */
static int ends(const unit *u, int separator, const char *more)
{
    int c = u->bytes[0];
    if (u->escape == '%' && separator != '%') return 0;
    return c <= ' ' || c == 0x7f || is_quote(c) || is_one_of(c, "<>") || is_one_of(c, more);
}

/* Looks whether "://" at the walk's place is followed by userinfo. Returns 0 for "more". */
static int look_for_userinfo(walk *w, const unit *opening)
{
    gp_redact_stream *stream = w->stream;
    size_t start = w->at + w->found_len, at = start, last = 0;
    unit u;
    while (at < w->n && at - start <= MAX_USERINFO) {
        if (!read_unit(w->s + at, w->n - at, MODE_BOTH, &u) && !w->final) return 0;
        if (ends(&u, opening->escape, "/?#")) break;
        if (u.bytes[0] == '@' && (u.escape != '%' || opening->escape == '%')) last = at;
        at += u.len;
    }
    if (at == w->n && at - start <= MAX_USERINFO && !w->final) return 0;
    stream->pass_until = start;
    if (at - start > MAX_USERINFO) {
        stream->state = STATE_ENDLESS_USERINFO;
        stream->separator = opening->escape;
    } else if (last > start) {
        stream->state = STATE_USERINFO;
        stream->user_until = last;
    }
    return 1;
}

/* Enters the state that follows what was found. Returns 0 for "more". */
static int open_found(walk *w, const unit *u)
{
    gp_redact_stream *stream = w->stream;
    const gp_redact_needle *found = w->found;
    size_t behind = w->at + w->found_len;
    if (found->kind == KIND_AUTHORITY) return look_for_userinfo(w, u);
    if (found->kind == KIND_TOKEN || found->kind == KIND_WIDE_TOKEN) {
        unit next;
        if (behind == w->n) return w->final;
        if (!read_unit(w->s + behind, w->n - behind, MODE_BOTH, &next) && !w->final) return 0;
        if (!is_token_byte(next.bytes[0], found->kind == KIND_WIDE_TOKEN)) return 1;
        stream->sub = found->kind == KIND_WIDE_TOKEN;
        stream->state = STATE_TOKEN;
        cover(stream, behind);
    } else {
        stream->state = found->kind == KIND_PARAMETER_OF ? STATE_NAME : STATE_BEHIND_NAME;
        stream->sub = found->kind == KIND_HEADER;
        stream->named_in = is_quote(stream->previous) ? stream->previous : 0;
        stream->closed_name = 0;
    }
    stream->pass_until = behind;
    return 1;
}

/* Behind a name: blanks and a closing quote may stand before the separator. */
static void pass_behind_name(gp_redact_stream *stream, const unit *u)
{
    int c = u->bytes[0];
    if (c == ' ' || c == '\t' || c == '\\') return;
    if (is_quote(c) && !stream->closed_name) {
        stream->closed_name = 1;
        stream->named_in = 0;
        return;
    }
    if (c == ']' && stream->closed_name) return;
    if (c == '=' || (c == ':' && (stream->sub || stream->closed_name)) ||
        (c == ',' && stream->sub && stream->closed_name)) {
        stream->state = STATE_BEFORE_VALUE;
        stream->separator = u->escape;
        if (c == '=') stream->closed_name = 0; /* no JSON: the value may do without quotes */
        return;
    }
    stream->state = STATE_PLAIN;
}

/* Before a value: enters the state that covers it. Returns 1 if the unit belongs to it. */
static int open_value(gp_redact_stream *stream, const unit *u)
{
    int c = u->bytes[0];
    if (c == ' ' || c == '\t' || c == '\\' || c == '>' || (c == '[' && stream->closed_name))
        return 0;
    if (is_quote(c) && c != stream->named_in) {
        stream->state = STATE_QUOTED;
        stream->quote = c;
        stream->quote_len = (int)u->len;
        stream->slashed = stream->after_slash;
        return 0;
    }
    if (stream->closed_name || c == '\n' || c == '\r' || is_quote(c) ||
        (!stream->sub && ends(u, stream->separator, "&#"))) {
        stream->state = STATE_PLAIN; /* a number or null of JSON's; or nothing at all */
        return 0;
    }
    stream->state = stream->sub ? STATE_HEADER : STATE_PARAMETER;
    return 1;
}

/* Is this unit the quote that closes the value, or the end of a line that never closed it? */
static int closes_quote(const gp_redact_stream *stream, const unit *u)
{
    int c = u->bytes[0];
    if (u->len == 1 && (c == '\n' || c == '\r')) return 1;
    if (c != stream->quote) return 0;
    if (u->len != 1 && (int)u->len != stream->quote_len) return 0;
    return u->escape != '\\' || stream->after_slash == stream->slashed;
}

/* Is this unit behind the value of the state that the stream is in? */
static int is_behind_value(const walk *w, const unit *u)
{
    const gp_redact_stream *stream = w->stream;
    int c = u->bytes[0];
    switch (stream->state) {
    case STATE_QUOTED:
        return closes_quote(stream, u);
    case STATE_PARAMETER:
        return ends(u, stream->separator, "&#");
    case STATE_HEADER:
        return c == '\n' || c == '\r' || (c && c == stream->named_in);
    case STATE_TOKEN:
        return !is_token_byte(c, stream->sub);
    case STATE_USERINFO:
        return w->at >= stream->user_until;
    default: /* STATE_ENDLESS_USERINFO */
        return ends(u, stream->separator, "/?#");
    }
}

/* Moves the machine over one unit. Returns 1 if the unit is covered, 0 if not, -1 for "more". */
static int step(walk *w, const unit *u)
{
    gp_redact_stream *stream = w->stream;
    if (w->at < stream->pass_until) return 0;
    if (stream->state == STATE_NAME && !is_name_byte(u->bytes[0])) {
        stream->state = STATE_BEHIND_NAME;
    }
    if (stream->state == STATE_BEHIND_NAME) {
        pass_behind_name(stream, u);
    } else if (stream->state == STATE_BEFORE_VALUE) {
        if (open_value(stream, u)) return 1;
    } else if (stream->state >= STATE_QUOTED) {
        if (!is_behind_value(w, u)) return 1;
        stream->state = STATE_PLAIN;
    }
    if (stream->state == STATE_PLAIN && w->found && !open_found(w, u)) return -1;
    return 0;
}

/* Notes what interrupts here, where that matters: at the beginning of a line, where the rest of a
 * secret may stand behind it, and within what is covered. Returns 0 for "more". */
static int note_gap(walk *w, const unit *u)
{
    gp_redact_stream *stream = w->stream;
    int c = u->bytes[0];
    gap g;
    if (w->at < stream->gap_until) return 1;
    stream->gap_kept = 0;
    if (!stream->begins_line && w->at >= stream->cover_until && c != '\n' && c != '\r') return 1;
    switch (read_gap(w->s + w->at, w->n - w->at, MODE_BOTH, stream->begins_line, &g)) {
    case RESULT_MORE:
        return w->final;
    case RESULT_YES:
        stream->gap_until = w->at + g.len;
        stream->gap_kept = g.kept;
        if (g.ends_line) stream->begins_line = 1;
        return 1;
    default:
        return 1;
    }
}

/* Decides about the byte at the walk's place: 1 covered, 0 not, -1 if more is needed to know. */
static int decide(walk *w)
{
    gp_redact_stream *stream = w->stream;
    int begins = stream->unit_left == 0, covered;
    unit u;
    if (!read_unit(w->s + w->at, w->n - w->at, MODE_BOTH, &u) && !w->final) return -1;
    if (!try_here(w, &u, begins)) return -1;
    if (begins) {
        if (!note_gap(w, &u)) return -1;
        covered = step(w, &u);
        if (covered < 0) return -1;
        if (w->at >= stream->gap_until) stream->begins_line = 0;
        stream->unit_covered = covered;
        stream->unit_left = u.len;
        stream->previous = u.bytes[0];
        stream->after_slash = u.escape == '\\' && u.bytes[0] == '\\';
    }
    if (stream->unit_covered) return 1;
    return w->at < stream->cover_until && !(stream->gap_kept && w->at < stream->gap_until);
}

static void move_back(size_t *offset, size_t by)
{
    *offset = *offset > by ? *offset - by : 0;
}

/* Walks as far as can be decided, writes the outcome, returns how many bytes are done with. */
static size_t process(gp_redact_stream *stream, const char *s, size_t n, int final, gp_buf *out)
{
    walk w = {stream, s, n, 0, final, NULL, 0};
    size_t clear = 0; /* where the uncovered text begins that is not yet written */
    for (; w.at < n; w.at++) {
        int covered = decide(&w);
        if (covered < 0) break;
        stream->unit_left--;
        if (!covered) {
            stream->marked = 0;
            continue;
        }
        gp_buf_add(out, s + clear, w.at - clear);
        if (!stream->marked) gp_buf_adds(out, GP_SECRET_SHOWN);
        stream->marked = 1;
        clear = w.at + 1;
    }
    gp_buf_add(out, s + clear, w.at - clear);
    move_back(&stream->cover_until, w.at);
    move_back(&stream->gap_until, w.at);
    move_back(&stream->pass_until, w.at);
    move_back(&stream->user_until, w.at);
    return w.at;
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

#include "core/redact_unit.h"

#include "core/joblog.h"

/* The most units in one escape sequence. */
enum { MAX_ESCAPE = 256 };

static int hex_value(int c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = gp_redact_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

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

static void put_utf8(gp_redact_unit *u, long code)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int i, count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    u->count = count;
    for (i = count - 1; i > 0; i--, code >>= 6)
        u->bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
    u->bytes[0] = (unsigned char)(code | (count > 1 ? marks[count] : 0));
}

/* Reads "\u00e9" or a pair of surrogates; 0 where the text ends too early. */
static int read_code(const char *s, size_t n, gp_redact_unit *u)
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

/* Reads a short escape such as "\n", or "\uXXXX". */
int gp_redact_read_backslash(const char *s, size_t n, gp_redact_unit *u)
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

int gp_redact_read_percent(const char *s, size_t n, gp_redact_unit *u)
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

/* Gaps */

/* Zero-width code points: joiners, separators and direction marks. */
static int is_invisible(long code)
{
    return code == 0xad || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

/* Reads one character, whatever units it is written in: MORE, or YES and its code point; a byte of
 * none is one. */
static gp_redact_found read_character(const char *s, size_t n, int mode, long *code, size_t *len)
{
    unsigned char bytes[4] = {0};
    int have = 0, want, i;
    gp_redact_unit u;
    *len = 0;
    do {
        if (*len == n || !gp_redact_read_unit(s + *len, n - *len, mode, &u)) return GP_FOUND_MORE;
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
    return GP_FOUND_YES;
}

/* Reads to the final byte of a control sequence, or to the end of a string that a terminal takes;
 * `*len` stands behind how it began. */
static gp_redact_found read_sequence(const char *s, size_t n, int mode, int string,
                                     gp_redact_gap *g)
{
    int units, c = 0, escape = 0;
    for (units = 0; units < MAX_ESCAPE; units++) {
        gp_redact_unit u;
        if (g->len == n) return GP_FOUND_MORE;
        /* Raw, what follows the backslash is not to be read with it. */
        if (!gp_redact_read_unit(s + g->len, n - g->len, escape == 1 ? GP_READ_RAW : mode, &u))
            return GP_FOUND_MORE;
        c = u.bytes[0];
        g->len += u.len;
        if (string ? c == '\a' || (escape && c == '\\') : c >= 0x40 && c < 0x7f) {
            g->kept = !string && units < 20 && (c == 'm' || c == 'K');
            return GP_FOUND_YES;
        }
        if (!string && (c < 0x20 || c >= 0x7f)) return GP_FOUND_NO;
        escape = c == 0x1b ? (int)u.len : 0;
    }
    return GP_FOUND_NO;
}

static gp_redact_found read_escape(const char *s, size_t n, int mode, gp_redact_gap *g)
{
    gp_redact_unit u;
    do {
        if (g->len == n || !gp_redact_read_unit(s + g->len, n - g->len, mode, &u))
            return GP_FOUND_MORE;
        g->len += u.len;
        if (u.bytes[0] == '[') return read_sequence(s, n, mode, 0, g);
        if (gp_redact_is_one_of(u.bytes[0], "]PX^_")) return read_sequence(s, n, mode, 1, g);
    } while (u.bytes[0] >= 0x20 && u.bytes[0] < 0x30 && g->len < MAX_ESCAPE);
    return u.bytes[0] >= 0x30 && u.bytes[0] < 0x7f ? GP_FOUND_YES : GP_FOUND_NO;
}

gp_redact_found gp_redact_read_gap(const char *s, size_t n, int mode, int begins_line,
                                   gp_redact_gap *g)
{
    gp_redact_found found;
    long code;
    int stamp = begins_line ? gp_joblog_stamp(s, n) : 0;
    g->ends_line = 0;
    g->kept = 1;
    g->len = stamp > 0 ? (size_t)stamp : 0;
    if (stamp) return stamp > 0 ? GP_FOUND_YES : GP_FOUND_MORE;
    found = read_character(s, n, mode, &code, &g->len);
    if (found != GP_FOUND_YES) return found;
    g->ends_line = code == '\n' || code == '\r';
    g->kept = g->ends_line && g->len == 1;
    if (g->ends_line) return GP_FOUND_YES;
    if (code == 0x1b) return read_escape(s, n, mode, g);
    if (code == 0x9b) return read_sequence(s, n, mode, 0, g);
    return (code < ' ' && code != '\t') || (code >= 0x7f && code < 0xa0) || is_invisible(code)
               ? GP_FOUND_YES
               : GP_FOUND_NO;
}

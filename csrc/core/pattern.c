#include "core/pattern.h"

/* Repetitions in one pattern: each takes a frame of the C stack. */
#define MAX_DEPTH 200

typedef struct matcher {
    const char *text, *text_end, *pattern_end;
    unsigned long effort;
    int depth;
} matcher;

/* The pattern's next item takes the bytes from `at` to `end`; `end` NULL: it is malformed. */
static const char *item_end(const matcher *m, const char *at)
{
    if (*at == '%') return m->pattern_end - at < 2 ? NULL : at + 2;
    if (*at != '[') return at + 1;
    at++;
    if (at < m->pattern_end && *at == '^') at++;
    do { /* a ] right at the beginning is itself */
        if (at >= m->pattern_end) return NULL;
        if (*at++ == '%') {
            if (at >= m->pattern_end) return NULL;
            at++;
        }
    } while (at < m->pattern_end && *at != ']');
    return at < m->pattern_end ? at + 1 : NULL;
}

static int in_range(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

static int is_upper(unsigned char c)
{
    return in_range(c, 'A', 'Z');
}

static int is_lower(unsigned char c)
{
    return in_range(c, 'a', 'z');
}

static int is_digit(unsigned char c)
{
    return in_range(c, '0', '9');
}

static int is_alnum(unsigned char c)
{
    return is_upper(c) || is_lower(c) || is_digit(c);
}

/* What stands behind a %: a class, or the letter itself. */
static int is_class(unsigned char c, unsigned char letter)
{
    int holds;
    switch (letter | 0x20) {
    case 'a':
        holds = is_upper(c) || is_lower(c);
        break;
    case 'c':
        holds = c < 0x20 || c == 0x7f;
        break;
    case 'd':
        holds = is_digit(c);
        break;
    case 'g':
        holds = in_range(c, '!', '~');
        break;
    case 'l':
        holds = is_lower(c);
        break;
    case 'p':
        holds = in_range(c, '!', '~') && !is_alnum(c);
        break;
    case 's':
        holds = c == ' ' || in_range(c, '\t', '\r');
        break;
    case 'u':
        holds = is_upper(c);
        break;
    case 'w':
        holds = is_alnum(c);
        break;
    case 'x':
        holds = is_digit(c) || in_range(c | 0x20, 'a', 'f');
        break;
    default:
        return letter == c;
    }
    return is_lower(letter) ? holds : !holds;
}

/* The set from its [ to behind its ]. */
static int is_in_set(unsigned char c, const char *at, const char *end)
{
    const char *close = end - 1;
    int found = 1;
    at++;
    if (*at == '^') {
        found = 0;
        at++;
    }
    while (at < close) {
        if (*at == '%') {
            if (is_class(c, (unsigned char)at[1])) return found;
            at += 2;
        } else if (close - at > 2 && at[1] == '-') {
            if (in_range(c, (unsigned char)*at, (unsigned char)at[2])) return found;
            at += 3;
        } else if ((unsigned char)*at++ == c) {
            return found;
        }
    }
    return !found;
}

static int is_item(unsigned char c, const char *at, const char *end)
{
    switch (*at) {
    case '.':
        return 1;
    case '%':
        return is_class(c, (unsigned char)at[1]);
    case '[':
        return is_in_set(c, at, end);
    default:
        return (unsigned char)*at == c;
    }
}

/* One step of the effort; 0 when it is spent. */
static int spend(matcher *m)
{
    if (!m->effort) return 0;
    m->effort--;
    return 1;
}

static gp_pattern_result match_here(matcher *m, const char *s, const char *p);

/* As many as there are, then fewer, down to `least`. */
static gp_pattern_result match_most(matcher *m, const char *s, const char *p, const char *end,
                                    int least)
{
    const char *from = s + least;
    while (s < m->text_end && is_item((unsigned char)*s, p, end)) {
        if (!spend(m)) return GP_PATTERN_TOO_HARD;
        s++;
    }
    for (; s >= from; s--) {
        gp_pattern_result result = match_here(m, s, end + 1);
        if (result != GP_PATTERN_NO_MATCH) return result;
    }
    return GP_PATTERN_NO_MATCH;
}

/* None, then more. */
static gp_pattern_result match_least(matcher *m, const char *s, const char *p, const char *end)
{
    for (;;) {
        gp_pattern_result result = match_here(m, s, end + 1);
        if (result != GP_PATTERN_NO_MATCH) return result;
        if (s == m->text_end || !is_item((unsigned char)*s, p, end)) return GP_PATTERN_NO_MATCH;
        s++;
    }
}

/* %bxy at `p`: the text behind the balanced stretch, or NULL. */
static const char *balanced(const matcher *m, const char *s, const char *p)
{
    int open = 1;
    if (s == m->text_end || *s != p[2]) return NULL;
    while (++s < m->text_end) {
        if (*s == p[3]) {
            if (--open == 0) return s + 1;
        } else if (*s == p[2]) {
            open++;
        }
    }
    return NULL;
}

/* %f[set] at `p`: is this the border where the set begins? */
static int is_frontier(const matcher *m, const char *s, const char *p, const char *end)
{
    unsigned char before = s == m->text ? 0 : (unsigned char)s[-1];
    unsigned char here = s == m->text_end ? 0 : (unsigned char)*s;
    return !is_in_set(before, p + 2, end) && is_in_set(here, p + 2, end);
}

/* Takes a %b or %f off the pattern and the text. NULL in *s: it does not match. Returns 0 where it
 * is malformed. */
static int match_special(const matcher *m, const char **s, const char **p)
{
    const char *end;
    if ((*p)[1] == 'b') {
        if (m->pattern_end - *p < 4) return 0;
        *s = balanced(m, *s, *p);
        *p += 4;
        return 1;
    }
    if (m->pattern_end - *p < 3 || (*p)[2] != '[') return 0;
    end = item_end(m, *p + 2);
    if (!end) return 0;
    if (!is_frontier(m, *s, *p, end)) *s = NULL;
    *p = end;
    return 1;
}

static int is_special(const matcher *m, const char *p)
{
    return *p == '%' && m->pattern_end - p > 1 && (p[1] == 'b' || p[1] == 'f');
}

static gp_pattern_result match_repeated(matcher *m, const char *s, const char *p, const char *end)
{
    gp_pattern_result result;
    if (m->depth == MAX_DEPTH) return GP_PATTERN_TOO_HARD;
    m->depth++;
    switch (*end) {
    case '*':
        result = match_most(m, s, p, end, 0);
        break;
    case '+':
        result = match_most(m, s, p, end, 1);
        break;
    case '-':
        result = match_least(m, s, p, end);
        break;
    default: /* ? */
        result = GP_PATTERN_NO_MATCH;
        if (s < m->text_end && is_item((unsigned char)*s, p, end))
            result = match_here(m, s + 1, end + 1);
        if (result == GP_PATTERN_NO_MATCH) result = match_here(m, s, end + 1);
        break;
    }
    m->depth--;
    return result;
}

static int is_repetition(char c)
{
    return c == '*' || c == '+' || c == '-' || c == '?';
}

static gp_pattern_result match_here(matcher *m, const char *s, const char *p)
{
    while (p < m->pattern_end) {
        const char *end;
        if (!spend(m)) return GP_PATTERN_TOO_HARD;
        if (*p == '(' || *p == ')') {
            p++;
            continue;
        }
        if (*p == '$' && p + 1 == m->pattern_end)
            return s == m->text_end ? GP_PATTERN_MATCH : GP_PATTERN_NO_MATCH;
        if (is_special(m, p)) {
            if (!match_special(m, &s, &p)) return GP_PATTERN_INVALID;
            if (!s) return GP_PATTERN_NO_MATCH;
            continue;
        }
        end = item_end(m, p);
        if (!end || (*p == '%' && is_digit((unsigned char)p[1]))) return GP_PATTERN_INVALID;
        if (end < m->pattern_end && is_repetition(*end)) return match_repeated(m, s, p, end);
        if (s == m->text_end || !is_item((unsigned char)*s, p, end)) return GP_PATTERN_NO_MATCH;
        s++;
        p = end;
    }
    return GP_PATTERN_MATCH;
}

gp_pattern_result gp_pattern_match(const char *pattern, size_t pattern_len, const char *text,
                                   size_t text_len, unsigned long effort)
{
    matcher m = {text, text + text_len, pattern + pattern_len, effort, 0};
    int anchored = pattern_len > 0 && *pattern == '^';
    const char *s = text;
    for (;;) {
        gp_pattern_result result = match_here(&m, s, pattern + anchored);
        if (result != GP_PATTERN_NO_MATCH || anchored || s == m.text_end) return result;
        s++;
    }
}

int gp_pattern_is_valid(const char *pattern, size_t len)
{
    matcher m = {"", pattern, pattern + len, 0, 0};
    const char *p = pattern + (len > 0 && *pattern == '^');
    int open = 0;
    m.text_end = m.text;
    while (p < m.pattern_end) {
        if (is_special(&m, p)) {
            const char *s = m.text;
            if (!match_special(&m, &s, &p)) return 0;
            continue;
        }
        if (*p == '(') open++;
        if (*p == ')' && open-- == 0) return 0;
        if (*p == '%' && m.pattern_end - p > 1 && is_digit((unsigned char)p[1])) return 0;
        p = item_end(&m, p);
        if (!p) return 0;
    }
    return open == 0;
}

#include "core/pattern.h"

#include <string.h>

/* Repetitions and brackets in one pattern: each takes a frame of the C stack. */
#define MAX_DEPTH 200

/* Lengths of captures that have none yet, and of `()`. */
#define OPEN     ((size_t)-1)
#define POSITION GP_PATTERN_POSITION

typedef struct matcher {
    const char *text, *text_end, *pattern_end;
    const char *end;     /* of the match, once there is one */
    const char *problem; /* what is malformed */
    unsigned long effort;
    unsigned long (*more)(void *ctx);
    void *more_ctx;
    int depth;
    int refused;    /* was there no more effort? */
    int references; /* is %1 allowed? */
    int count;
    struct {
        const char *from;
        size_t len;
    } captures[GP_PATTERN_CAPTURES];
} matcher;

static gp_pattern_result invalid(matcher *m, const char *problem)
{
    m->problem = problem;
    return GP_PATTERN_INVALID;
}

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
    case 'z':
        holds = c == 0;
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

/* Takes `steps` from the effort; 0 when it is spent. */
static int spend(matcher *m, size_t steps)
{
    while (m->effort < steps) {
        unsigned long more = m->more ? m->more(m->more_ctx) : 0;
        if (!more) {
            m->refused = 1;
            return 0;
        }
        m->effort += more;
    }
    m->effort -= steps;
    return 1;
}

/* The cost of matching one byte: a long set is searched each time. */
static size_t cost_of(const char *p, const char *end)
{
    return 1 + (size_t)(end - p) / 4;
}

static gp_pattern_result match_here(matcher *m, const char *s, const char *p);

/* Greedy: the most repetitions first, down to `least`. */
static gp_pattern_result match_most(matcher *m, const char *s, const char *p, const char *end,
                                    int least)
{
    const char *from = s + least;
    size_t cost = cost_of(p, end);
    while (s < m->text_end && is_item((unsigned char)*s, p, end)) {
        if (!spend(m, cost)) return GP_PATTERN_TOO_HARD;
        s++;
    }
    for (; s >= from; s--) {
        gp_pattern_result result = match_here(m, s, end + 1);
        if (result != GP_PATTERN_NO_MATCH) return result;
    }
    return GP_PATTERN_NO_MATCH;
}

/* Lazy: the fewest repetitions first. */
static gp_pattern_result match_least(matcher *m, const char *s, const char *p, const char *end)
{
    size_t cost = cost_of(p, end);
    for (;;) {
        gp_pattern_result result = match_here(m, s, end + 1);
        if (result != GP_PATTERN_NO_MATCH) return result;
        if (!spend(m, cost)) return GP_PATTERN_TOO_HARD;
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
    unsigned char before = s > m->text ? (unsigned char)s[-1] : 0;
    unsigned char here = s == m->text_end ? 0 : (unsigned char)*s;
    return !is_in_set(before, p + 2, end) && is_in_set(here, p + 2, end);
}

/* The end of the %b or %f at `p`, or NULL: it is not complete, and m->problem says why. */
static const char *special_end(matcher *m, const char *p)
{
    const char *end = NULL;
    if (p[1] == 'b') {
        if (m->pattern_end - p >= 4) return p + 4;
        invalid(m, "missing arguments to '%b'");
    } else if (m->pattern_end - p < 3 || p[2] != '[') {
        invalid(m, "missing '[' after '%f'");
    } else {
        end = item_end(m, p + 2);
        if (!end) invalid(m, "missing ']'");
    }
    return end;
}

/* Takes a %b or %f off the pattern and the text. NULL in *s: it does not match. */
static gp_pattern_result match_special(matcher *m, const char **s, const char **p)
{
    const char *end = special_end(m, *p), *from = *s;
    if (!end) return GP_PATTERN_INVALID;
    if ((*p)[1] == 'b') {
        *s = balanced(m, *s, *p);
        *p = end;
        /* If unbalanced, the whole rest of the text was searched. */
        if (spend(m, (size_t)((*s ? *s : m->text_end) - from))) return GP_PATTERN_MATCH;
        return GP_PATTERN_TOO_HARD;
    }
    if (!spend(m, 2 * cost_of(*p, end))) return GP_PATTERN_TOO_HARD;
    if (!is_frontier(m, *s, *p, end)) *s = NULL;
    *p = end;
    return GP_PATTERN_MATCH;
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

static gp_pattern_result match_deeper(matcher *m, const char *s, const char *p)
{
    gp_pattern_result result;
    if (m->depth == MAX_DEPTH) return GP_PATTERN_TOO_HARD;
    m->depth++;
    result = match_here(m, s, p);
    m->depth--;
    return result;
}

/* The ( at `p` opens a capture, which is taken back when the rest does not match. */
static gp_pattern_result match_open(matcher *m, const char *s, const char *p)
{
    gp_pattern_result result;
    int position = m->pattern_end - p > 1 && p[1] == ')';
    if (m->count == GP_PATTERN_CAPTURES) return invalid(m, "too many captures");
    m->captures[m->count].from = s;
    m->captures[m->count].len = position ? POSITION : OPEN;
    m->count++;
    result = match_deeper(m, s, p + 1 + position);
    if (result == GP_PATTERN_NO_MATCH) m->count--;
    return result;
}

static gp_pattern_result match_close(matcher *m, const char *s, const char *p)
{
    gp_pattern_result result;
    int at = m->count - 1;
    while (at >= 0 && m->captures[at].len != OPEN)
        at--;
    if (at < 0) return invalid(m, "invalid pattern capture");
    m->captures[at].len = (size_t)(s - m->captures[at].from);
    result = match_deeper(m, s, p + 1);
    if (result == GP_PATTERN_NO_MATCH) m->captures[at].len = OPEN;
    return result;
}

/* %1 to %9 at `p`: the same text as a capture before. NULL in *s: it is another. */
static gp_pattern_result match_reference(matcher *m, const char **s, const char *p)
{
    int at = p[1] - '1';
    size_t len;
    if (!m->references || at < 0 || at >= m->count || m->captures[at].len == OPEN)
        return invalid(m, "invalid capture index");
    len = m->captures[at].len;
    if (len == POSITION || (size_t)(m->text_end - *s) < len) {
        *s = NULL;
        return GP_PATTERN_MATCH;
    }
    if (!spend(m, len / 16)) return GP_PATTERN_TOO_HARD;
    *s = memcmp(*s, m->captures[at].from, len) == 0 ? *s + len : NULL;
    return GP_PATTERN_MATCH;
}

/* What is neither an item nor its repetition: %b, %f, %1. 0: `p` is none of them. */
static int match_other(matcher *m, const char **s, const char **p, gp_pattern_result *result)
{
    if (is_special(m, *p)) {
        *result = match_special(m, s, p);
        return 1;
    }
    if (**p != '%' || m->pattern_end - *p < 2 || !is_digit((unsigned char)(*p)[1])) return 0;
    *result = match_reference(m, s, *p);
    *p += 2;
    return 1;
}

static gp_pattern_result match_here(matcher *m, const char *s, const char *p)
{
    gp_pattern_result result;
    while (p < m->pattern_end) {
        const char *end;
        if (!spend(m, 1)) return GP_PATTERN_TOO_HARD;
        if (*p == '(') return match_open(m, s, p);
        if (*p == ')') return match_close(m, s, p);
        if (*p == '$' && p + 1 == m->pattern_end) {
            m->end = s;
            return s == m->text_end ? GP_PATTERN_MATCH : GP_PATTERN_NO_MATCH;
        }
        if (match_other(m, &s, &p, &result)) {
            if (result != GP_PATTERN_MATCH) return result;
            if (!s) return GP_PATTERN_NO_MATCH;
            continue;
        }
        end = item_end(m, p);
        if (!end) return invalid(m, *p == '%' ? "ends with '%'" : "missing ']'");
        if (!spend(m, cost_of(p, end) - 1)) return GP_PATTERN_TOO_HARD;
        if (end < m->pattern_end && is_repetition(*end)) return match_repeated(m, s, p, end);
        if (s == m->text_end || !is_item((unsigned char)*s, p, end)) return GP_PATTERN_NO_MATCH;
        s++;
        p = end;
    }
    m->end = s;
    return GP_PATTERN_MATCH;
}

/* From `s` on; `s` becomes the beginning of the match. */
static gp_pattern_result search(matcher *m, const char **s, const char *pattern, int anchored)
{
    for (;;) {
        gp_pattern_result result;
        int i;
        m->count = 0;
        result = match_here(m, *s, pattern + anchored);
        for (i = 0; result == GP_PATTERN_MATCH && i < m->count; i++) {
            if (m->captures[i].len == OPEN) return invalid(m, "unfinished capture");
        }
        if (result != GP_PATTERN_NO_MATCH || anchored || *s == m->text_end) return result;
        ++*s;
    }
}

static void begin(matcher *m, const char *pattern, size_t pattern_len, const char *text,
                  size_t text_len, unsigned long effort)
{
    m->text = text;
    m->text_end = text + text_len;
    m->pattern_end = pattern + pattern_len;
    m->end = m->problem = NULL;
    m->effort = effort;
    m->more = NULL;
    m->more_ctx = NULL;
    m->depth = m->refused = m->references = m->count = 0;
}

gp_pattern_result gp_pattern_match(const char *pattern, size_t pattern_len, const char *text,
                                   size_t text_len, unsigned long effort)
{
    matcher m;
    const char *s = text;
    begin(&m, pattern, pattern_len, text, text_len, effort);
    return search(&m, &s, pattern, pattern_len > 0 && *pattern == '^');
}

gp_pattern_result gp_pattern_find(const gp_pattern_search *what, unsigned long *left,
                                  gp_pattern_found *found)
{
    matcher m;
    const char *text = what->text, *s = text + what->from;
    gp_pattern_result result;
    int i;
    begin(&m, what->pattern, what->pattern_len, text, what->text_len, 0);
    m.more = what->more;
    m.more_ctx = what->ctx;
    m.references = 1;
    result = search(&m, &s, what->pattern,
                    what->anchors && what->pattern_len > 0 && *what->pattern == '^');
    *left = m.effort;
    found->problem = result == GP_PATTERN_TOO_HARD && !m.refused ? "too complex" : m.problem;
    if (result != GP_PATTERN_MATCH) return result;
    found->begin = (size_t)(s - text);
    found->end = (size_t)(m.end - text);
    found->count = m.count;
    for (i = 0; i < m.count; i++) {
        found->captures[i].from = (size_t)(m.captures[i].from - text);
        found->captures[i].len = m.captures[i].len;
    }
    return result;
}

int gp_pattern_is_valid(const char *pattern, size_t len)
{
    matcher m;
    const char *p = pattern + (len > 0 && *pattern == '^');
    int open = 0;
    begin(&m, pattern, len, "", 0, GP_PATTERN_EFFORT);
    while (p < m.pattern_end) {
        if (is_special(&m, p)) {
            p = special_end(&m, p);
            if (!p) return 0;
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

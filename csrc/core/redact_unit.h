/*
 * How the redactor reads a text. A unit is a byte, or an escape that stands for one or more bytes,
 * so that needles are compared with the text's meaning and not its spelling. A gap interrupts a
 * secret and is invisible when the text is displayed.
 *
 * Functions return GP_FOUND_MORE, or 0, when the text ends before the result is known.
 */
#ifndef GP_REDACT_UNIT_H
#define GP_REDACT_UNIT_H

#include <stddef.h>
#include <string.h>

typedef enum gp_redact_found { GP_FOUND_NO, GP_FOUND_MORE, GP_FOUND_YES } gp_redact_found;

/* Which escapes a text is read with. */
enum { GP_READ_RAW = 0, GP_READ_PERCENT = 1, GP_READ_JSON = 2, GP_READ_BOTH = 3 };

/* The longest unit: a surrogate pair of two \uXXXX. */
enum { GP_REDACT_MAX_UNIT = 12 };

/* A byte of the text, or an escape, and the bytes that it stands for. */
typedef struct gp_redact_unit {
    size_t len;
    int escape; /* 0, '%' or '\\' */
    unsigned char bytes[4];
    int count;
} gp_redact_unit;

/* The rest of an escape that begins at `s`; `u` is the byte itself. */
int gp_redact_read_percent(const char *s, size_t n, gp_redact_unit *u);
int gp_redact_read_backslash(const char *s, size_t n, gp_redact_unit *u);

/* Reads the unit at `s` (n > 0). Returns 0 where the text ends inside an escape; then, and for
 * an invalid escape, the unit is the byte itself. Inline, as it runs for every byte. */
static inline int gp_redact_read_unit(const char *s, size_t n, int mode, gp_redact_unit *u)
{
    u->len = 1;
    u->escape = 0;
    u->bytes[0] = (unsigned char)*s;
    u->count = 1;
    if (*s == '%' && (mode & GP_READ_PERCENT)) return gp_redact_read_percent(s, n, u);
    if (*s == '\\' && (mode & GP_READ_JSON)) return gp_redact_read_backslash(s, n, u);
    return 1;
}

/* The end of a line, with the runner's timestamp in the next; an escape sequence; a control
 * character; a character without width. */
typedef struct gp_redact_gap {
    size_t len;
    int ends_line;
    int kept; /* kept when the secret is replaced: line ends and colours */
} gp_redact_gap;

/* Reads a gap at `s`; `begins_line`: a line ended right before. */
gp_redact_found gp_redact_read_gap(const char *s, size_t n, int mode, int begins_line,
                                   gp_redact_gap *g);

static inline int gp_redact_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static inline int gp_redact_is_one_of(int c, const char *set)
{
    return c && strchr(set, c) != NULL;
}

/* Is it valid in the name of a header or parameter? */
static inline int gp_redact_is_name_byte(int c)
{
    int letter = gp_redact_lower(c);
    return (c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'z') || c == '_' || c == '-';
}

#endif

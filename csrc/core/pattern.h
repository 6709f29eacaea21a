/*
 * Matches a text against a Lua pattern, in C and with bounded effort: for `when.ref` of a world's
 * variants, and for the string library of flow scripts.
 *
 * Everything that decides whether a pattern matches is there, with Lua's own meaning in the C
 * locale: literal bytes, `.`, classes (%a %c %d %g %l %p %s %u %w %x and their complements), sets
 * with ranges and classes, `* + - ?`, the anchors, captures, %b and %f. A world's pattern
 * (gp_pattern_match) has no back reference (%1).
 */
#ifndef GP_PATTERN_H
#define GP_PATTERN_H

#include <stddef.h>

typedef enum gp_pattern_result {
    GP_PATTERN_NO_MATCH,
    GP_PATTERN_MATCH,
    GP_PATTERN_INVALID, /* Lua would raise an error, or it has a back reference */
    GP_PATTERN_TOO_HARD /* the effort was spent without a result */
} gp_pattern_result;

/* The default effort limit in steps; a step compares one pattern item at one position. */
#define GP_PATTERN_EFFORT 100000

/* Does the pattern match anywhere in the text, as string.find would say? Any byte may stand in
 * both. A pattern is read only as far as matching needs: later errors are not found. */
gp_pattern_result gp_pattern_match(const char *pattern, size_t pattern_len, const char *text,
                                   size_t text_len, unsigned long effort);

#define GP_PATTERN_CAPTURES 32
#define GP_PATTERN_POSITION ((size_t)-2) /* length of a position capture `()` */

typedef struct gp_pattern_found {
    size_t begin, end; /* of the match: offsets in the text, the end exclusive */
    int count;
    struct {
        size_t from, len;
    } captures[GP_PATTERN_CAPTURES];
    const char *problem; /* static text: what is malformed; TOO_HARD: "too complex" when it is not
                            the effort that was refused */
} gp_pattern_found;

typedef struct gp_pattern_search {
    const char *pattern, *text;
    size_t pattern_len, text_len;
    size_t from; /* where to begin: an offset, at most text_len */
    int anchors; /* does a ^ at the beginning mean that the match must begin there? */
    /* Returns more effort when it is spent, or 0. Also called for the initial effort. */
    unsigned long (*more)(void *ctx);
    void *ctx;
} gp_pattern_search;

/* Finds the first match, with back references. *left: the unused effort. */
gp_pattern_result gp_pattern_find(const gp_pattern_search *what, unsigned long *left,
                                  gp_pattern_found *found);

/* Is the whole pattern valid for gp_pattern_match? */
int gp_pattern_is_valid(const char *pattern, size_t len);

#endif

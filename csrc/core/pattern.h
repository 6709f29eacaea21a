/*
 * Matches a text against a Lua pattern, in C and with bounded effort: for `when.ref` of a world's
 * variants.
 *
 * Everything that decides whether a pattern matches is there, with Lua's own meaning in the C
 * locale: literal bytes, `.`, classes (%a %c %d %g %l %p %s %u %w %x and their complements), sets
 * with ranges and classes, `* + - ?`, the anchors, %b and %f. Captures are read over, since
 * nothing is taken out; only a back reference (%1) is refused.
 */
#ifndef GP_PATTERN_H
#define GP_PATTERN_H

#include <stddef.h>

typedef enum gp_pattern_result {
    GP_PATTERN_NO_MATCH,
    GP_PATTERN_MATCH,
    GP_PATTERN_INVALID, /* Lua would raise an error, or it has a back reference */
    GP_PATTERN_TOO_HARD /* the effort was spent without an answer */
} gp_pattern_result;

/* How much effort one match may take; a step is a look at one item of the pattern at one place. */
#define GP_PATTERN_EFFORT 100000

/* Does the pattern match anywhere in the text, as string.find would say? Any byte may stand in
 * both. A pattern is read only as far as matching needs: a mistake behind that is not found. */
gp_pattern_result gp_pattern_match(const char *pattern, size_t pattern_len, const char *text,
                                   size_t text_len, unsigned long effort);

/* Is it a pattern that gp_pattern_match takes, from its first to its last byte? */
int gp_pattern_is_valid(const char *pattern, size_t len);

#endif

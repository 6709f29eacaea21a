#include "core/glob.h"

#include <stddef.h>

int gp_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *back = NULL; /* behind the last star, and what it has taken so far */
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            back = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++back;
        } else {
            return 0;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

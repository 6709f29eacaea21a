#include "core/glob.h"

#include <stddef.h>

int gp_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL,
               *back = NULL; /* after the last star, and the end of its match so far */
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

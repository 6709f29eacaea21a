/*
 * Matches a whole text against a shell-like pattern: `*` matches any bytes or none, `?`
 * matches one byte, any other byte itself. Used for the paths of fault rules and the refs of
 * worlds. Time is at most proportional to the product of both lengths.
 */
#ifndef GP_GLOB_H
#define GP_GLOB_H

int gp_glob_match(const char *pattern, const char *text);

#endif

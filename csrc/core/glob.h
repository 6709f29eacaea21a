/*
 * Matches a whole text against a shell-like pattern: `*` stands for any bytes, none included, `?`
 * for one, everything else for itself. For the paths of fault rules and the refs of worlds. The
 * effort is at most the product of both lengths.
 */
#ifndef GP_GLOB_H
#define GP_GLOB_H

int gp_glob_match(const char *pattern, const char *text);

#endif

#include "io/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const cannot_make = "a folder cannot be made";
static const char *const too_long = "the path is too long";

int gp_folder_make(char *path, mode_t mode)
{
    char *end = path;
    if (!*path) {
        errno = ENOENT;
        return -1;
    }
    while (*end) {
        char kept;
        end += 1 + strcspn(end + 1, "/");
        kept = *end;
        *end = '\0';
        if (mkdir(path, mode) != 0 && errno != EEXIST) return -1;
        *end = kept;
    }
    return 0;
}

static const char *check_name(const char *name)
{
    const char *at = name;
    if (!*name) return "the path is empty";
    if (*name == '/') return "the path is absolute";
    for (; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) return "the path contains control characters";
    }
    for (at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (at[0] == '.' && at[1] == '.' && (at[2] == '/' || !at[2]))
            return "the path contains '..'";
    }
    return NULL;
}

static int is_below(const char *base, const char *path)
{
    size_t len = strlen(base);
    return strncmp(base, path, len) == 0 &&
           (path[len] == '/' || !path[len] || base[len - 1] == '/');
}

/* `path` is a link: resolves it, if the target is inside `base`. */
static const char *follow(const char *base, char *path, size_t size)
{
    char real[PATH_MAX];
    if (!realpath(path, real) || !is_below(base, real)) return "a link leads out of the folder";
    if (snprintf(path, size, "%s", real) >= (int)size) return too_long;
    return NULL;
}

/* Appends one component; `last`: it is the last one. */
static const char *enter(const char *base, char *path, size_t size, const char *part, int last)
{
    struct stat found;
    size_t len = strlen(path);
    const char *slash = len && path[len - 1] == '/' ? "" : "/";
    if (snprintf(path + len, size - len, "%s%s", slash, part) >= (int)(size - len)) return too_long;
    if (lstat(path, &found) != 0) {
        if (errno != ENOENT) return "the path cannot be reached";
        return last || mkdir(path, 0777) == 0 ? NULL : cannot_make;
    }
    if (S_ISLNK(found.st_mode)) {
        const char *problem = follow(base, path, size);
        if (problem) return problem;
        if (stat(path, &found) != 0) return "the path cannot be reached";
    }
    return last || S_ISDIR(found.st_mode) ? NULL : "a part of the path is not a folder";
}

const char *gp_folder_place(const char *root, const char *name, char *out, size_t size)
{
    char base[PATH_MAX], parts[PATH_MAX];
    const char *problem = check_name(name);
    char *part, *rest = parts;
    if (problem) return problem;
    if (snprintf(parts, sizeof parts, "%s", name) >= (int)sizeof parts) return too_long;
    if (snprintf(out, size, "%s", root) >= (int)size) return too_long;
    if (gp_folder_make(out, 0777) != 0 || !realpath(root, base)) return cannot_make;
    if (snprintf(out, size, "%s", base) >= (int)size) return too_long;
    while (!problem && (part = strsep(&rest, "/"))) {
        if (*part && strcmp(part, ".") != 0) problem = enter(base, out, size, part, !rest);
    }
    return problem;
}

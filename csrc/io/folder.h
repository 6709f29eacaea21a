/*
 * Creates folders, and resolves names inside a folder for callers that may write only there (a flow
 * script's `call`).
 */
#ifndef GP_IO_FOLDER_H
#define GP_IO_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

/* Creates a folder and its missing parents. 0; or -1 with errno, and `path` is truncated after the
 * component that cannot be created. */
int gp_folder_make(char *path, mode_t mode);

/*
 * Resolves the relative path `name` inside the folder `root` to an absolute path without links,
 * written to out[size]. Creates the folder and missing parents. Returns NULL, or a static error
 * message: `name` is absolute, contains `..`, or leaves the folder through a link.
 */
const char *gp_folder_place(const char *root, const char *name, char *out, size_t size);

#endif

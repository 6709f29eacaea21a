/*
 * Folders, and places below one, for whoever may write there and nowhere else (a flow script's
 * `call`).
 */
#ifndef GP_IO_FOLDER_H
#define GP_IO_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

/* Makes a folder and those above it. 0; or -1 with errno, and `path` is cut behind the one that
 * cannot be made. */
int gp_folder_make(char *path, mode_t mode);

/*
 * Where the relative path `name` is below the folder `root`: an absolute path without links, which
 * is written to out[size]. Makes the folder and those on the way. Returns NULL, or static text that
 * says why there is no such place: `name` is absolute, has `..`, or leads out of the folder by a
 * link.
 */
const char *gp_folder_place(const char *root, const char *name, char *out, size_t size);

#endif

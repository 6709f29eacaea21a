/*
 * The partial file of a download, held by one download at a time, so that two downloads to the same
 * name never mix. The hold is a lock on the open file: it ends with the process, never before.
 *
 *     gp_part part;
 *     if (gp_part_claim("artifacts.zip.part", &part, error, sizeof error) == GP_PART_OURS) ...
 *     gp_part_release(&part);
 */
#ifndef GP_IO_ARCHIVE_PART_H
#define GP_IO_ARCHIVE_PART_H

#include <stddef.h>
#include <stdint.h>

typedef struct gp_part {
    int fd; /* -1: not held */
} gp_part;

typedef enum gp_part_claim_result {
    GP_PART_OURS,
    GP_PART_HELD,  /* by another download, or the file system has no locks */
    GP_PART_FAILED /* system error; `error` has the message */
} gp_part_claim_result;

/* Opens or creates the file, which must be a regular file and not a link, and holds it. Never
 * waits. */
gp_part_claim_result gp_part_claim(const char *path, gp_part *part, char *error, size_t error_size);

/* Creates a file that must not exist yet. Its name is unique, so it needs no hold. */
gp_part_claim_result gp_part_make(const char *path, gp_part *part, char *error, size_t error_size);

/* Its length in bytes, or -1 with errno. */
int64_t gp_part_size(const gp_part *part);

/* Truncates it to `size` bytes: 0, or -1 with errno. */
int gp_part_cut(const gp_part *part, int64_t size);

/* Releases it. May be called again. */
void gp_part_release(gp_part *part);

/*
 * Whether a file may be renamed to `path`: 1, or 0 if it is a folder, a device or a pipe, or a link
 * to one, which the rename would replace.
 */
int gp_part_may_be_named(const char *path);

/*
 * Creates the folder `path` and its missing parents: 0, or -1 with errno. Calls made(ctx, path) for
 * each folder created, outermost first.
 */
int gp_part_folder(const char *path, void (*made)(void *ctx, const char *path), void *ctx);

#endif

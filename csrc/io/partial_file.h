/*
 * The partial file of a download: held by one process at a time, so that two downloads to the same
 * name never write into each other. The hold is a lock of the open file: gone with the process,
 * never before.
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
    GP_PART_HELD,  /* by another download, or the file system can not tell */
    GP_PART_FAILED /* the system refused; the error says why */
} gp_part_claim_result;

/* Opens or makes the file, which must be an ordinary one and no link, and holds it. Never waits. */
gp_part_claim_result gp_part_claim(const char *path, gp_part *part, char *error, size_t error_size);

/* Makes a file that must not exist: its name is nobody else's, so it needs no hold. */
gp_part_claim_result gp_part_make(const char *path, gp_part *part, char *error, size_t error_size);

/* Its length in bytes, or -1 with errno. */
int64_t gp_part_size(const gp_part *part);

/* Cuts it to `size` bytes: 0, or -1 with errno. */
int gp_part_cut(const gp_part *part, int64_t size);

/* Gives it back. May be called again. */
void gp_part_release(gp_part *part);

/*
 * May a file take the name `path`? Not where a folder, a device or a pipe has it, itself or by a
 * link: a file that is renamed to it would take its place. 1, or 0.
 */
int gp_part_may_be_named(const char *path);

/*
 * Makes the folder `path` and what is missing above it: 0, or -1 with errno. made(ctx, path) is
 * called for each folder that was not there before, outermost first.
 */
int gp_part_folder(const char *path, void (*made)(void *ctx, const char *path), void *ctx);

#endif

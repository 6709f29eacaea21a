/*
 * Checks of zip archives before a library reads them: locates the central directory from the end of
 * the archive, validates it, and decides which names may become files.
 *
 * A zip archive ends with a record that says where its directory begins. So the names and sizes of
 * an archive of any length take two reads: the last GP_ZIP_TAIL bytes and, if the directory begins
 * before them, the rest of it.
 */
#ifndef GP_ZIP_H
#define GP_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "core/alloc.h"

/* The most bytes needed: the end record, the longest comment, and the ZIP64 records. */
enum { GP_ZIP_TAIL = 65536 + 22 + 20 + 56 };

/* The default limit on an archive's entries. */
enum { GP_ZIP_ENTRIES = 200000 };

/* The records at the end of an archive: their offsets in the archive, and what they claim. */
typedef struct gp_zip_place {
    uint64_t offset, size; /* of the directory */
    uint64_t entries;      /* as claimed; only the lower 16 bits unless `is_64` */
    int is_64;
    uint64_t end, end_64; /* of the end record and the ZIP64 end record */
} gp_zip_place;

/* Finds them in the last `len` bytes of an archive of `total` bytes: 1, or 0 when these bytes are
 * not the end of a complete zip archive. */
int gp_zip_find(const unsigned char *tail, size_t len, uint64_t total, gp_zip_place *place);

/* The largest directory size accepted for up to `entries` entries. */
uint64_t gp_zip_directory_most(uint64_t entries);

typedef enum gp_zip_verdict {
    GP_ZIP_FINE,
    GP_ZIP_DAMAGED,
    GP_ZIP_UNSAFE,
    GP_ZIP_NO_MEMORY
} gp_zip_verdict;

/*
 * Validates a whole directory before anything else reads it; `bytes` are the directory at `place`.
 * It must match the end record, have at most `entries` entries, names of limited length and depth
 * that do not collide on purpose, and entries that do not overlap: overlapping ones could unpack to
 * far more than their ratio suggests. *reason says what is wrong. Takes O(n log n) time.
 */
gp_zip_verdict gp_zip_check_directory(const unsigned char *bytes, const gp_zip_place *place,
                                      uint64_t entries, const gp_alloc *alloc, const char **reason);

/*
 * Finds the central directory in the last `len` bytes of an archive of `total` bytes: 1 and its
 * offset and size, or 0 when these bytes are not the end of a complete zip archive.
 */
int gp_zip_locate(const unsigned char *tail, size_t len, uint64_t total, uint64_t *offset,
                  uint64_t *size);

/*
 * Is it safe to write an entry of this name below a folder? NULL if so, else why not: empty or
 * absolute names, "..", names with NUL, and names that are too long or nested too deeply.
 */
const char *gp_zip_name_danger(const char *name, size_t len);

#endif

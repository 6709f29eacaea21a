/*
 * What has to be decided about zip archives before a library reads them: where the central
 * directory lies when only the end of the archive is at hand, and which names may become files.
 *
 * A zip archive ends with a record that tells where its directory begins. So the names and sizes
 * of an archive of any length need two reads: the last GP_ZIP_TAIL bytes, and, if the directory
 * begins before them, the rest of it.
 */
#ifndef GP_ZIP_H
#define GP_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "core/alloc.h"

/* The longest end that is needed: the record, the longest comment, and the records of ZIP64. */
enum { GP_ZIP_TAIL = 65536 + 22 + 20 + 56 };

/* How many entries an archive may have unless somebody asks for more. */
enum { GP_ZIP_ENTRIES = 200000 };

/* Where the records at the end of an archive stand, and what they claim; offsets into the archive.
 */
typedef struct gp_zip_place {
    uint64_t offset, size; /* of the directory */
    uint64_t entries;      /* as claimed: the lower 16 bits alone unless `is_64` */
    int is_64;
    uint64_t end, end_64; /* of the end record and of ZIP64's */
} gp_zip_place;

/* Finds them from the last `len` bytes of an archive of `total` bytes: 1, or 0 when these bytes do
 * not end a whole zip archive. */
int gp_zip_find(const unsigned char *tail, size_t len, uint64_t total, gp_zip_place *place);

/* The greatest directory in which up to `entries` entries are looked for. */
uint64_t gp_zip_directory_most(uint64_t entries);

typedef enum gp_zip_verdict {
    GP_ZIP_FINE,
    GP_ZIP_DAMAGED,
    GP_ZIP_UNSAFE,
    GP_ZIP_NO_MEMORY
} gp_zip_verdict;

/*
 * Looks at a whole directory before anything else does: `bytes` are those of `place`. It must be
 * what the end record says, have at most `entries` entries, with names that are short enough, that
 * do not share a hash value on purpose, and each with bytes of its own in the archive: entries that
 * overlap would unpack to far more than any ratio tells. *reason says what is wrong. It takes time
 * in proportion to n log n.
 */
gp_zip_verdict gp_zip_check_directory(const unsigned char *bytes, const gp_zip_place *place,
                                      uint64_t entries, const gp_alloc *alloc, const char **reason);

/*
 * Finds the central directory from the last `len` bytes of an archive of `total` bytes: 1 and
 * its place, or 0 when these bytes do not end a whole zip archive.
 */
int gp_zip_locate(const unsigned char *tail, size_t len, uint64_t total, uint64_t *offset,
                  uint64_t *size);

/*
 * May an entry of this name be written below a folder? NULL when it may, else why not: empty or
 * absolute names, "..", names with NUL, and those too long for a path or too deep.
 */
const char *gp_zip_name_danger(const char *name, size_t len);

#endif

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

/* The longest end that is needed: the record, the longest comment, and the records of ZIP64. */
enum { GP_ZIP_TAIL = 65536 + 22 + 20 + 56 };

/*
 * Finds the central directory from the last `len` bytes of an archive of `total` bytes: 1 and
 * its place, or 0 when these bytes do not end a whole zip archive.
 */
int gp_zip_locate(const unsigned char *tail, size_t len, uint64_t total, uint64_t *offset,
                  uint64_t *size);

/*
 * May an entry of this name be written below a folder? NULL when it may, else why not: empty or
 * absolute names, "..", names with NUL, and those too long for a path.
 */
const char *gp_zip_name_danger(const char *name, size_t len);

#endif

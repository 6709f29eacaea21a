/*
 * Reads artifact archives (zip): lists the directory, reads single entries, extracts to a folder.
 *
 * An archive is opened from a file, or from its last bytes alone (core/zip.h says how many); in the
 * second case it has a directory but no contents. The archive's own metadata is not trusted: sizes
 * and checksums are verified while reading, and extraction writes only regular files and folders,
 * and only below the destination folder, whatever the names and links in the archive say.
 *
 *     gp_archive *archive = NULL;
 *     gp_archive_problem problem;
 *     if (gp_archive_open(path, &archive, &problem) != GP_ARCHIVE_OK) ... problem.text ...
 *     gp_archive_close(archive);
 *
 * Calls read and write files, so they may block on disk I/O.
 */
#ifndef GP_IO_ARCHIVE_H
#define GP_IO_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

typedef enum gp_archive_status {
    GP_ARCHIVE_OK = 0,
    GP_ARCHIVE_DAMAGED, /* not a zip, truncated, wrong checksum, encrypted, inconsistent */
    GP_ARCHIVE_UNSAFE,  /* would write outside the folder, has links or devices, exceeds a bound */
    GP_ARCHIVE_MISSING, /* no such entry */
    GP_ARCHIVE_SYSTEM,  /* system error: disk full, permission denied, out of memory */
    GP_ARCHIVE_STOPPED, /* the read callback stopped, or the work was cancelled */
    GP_ARCHIVE_MORE     /* the slice is used up, the work is not finished */
} gp_archive_status;

/* Why a call failed, in one line, without a trailing line end. */
typedef struct gp_archive_problem {
    char text[4608]; /* the longest name and a reason */
} gp_archive_problem;

typedef enum gp_entry_kind {
    GP_ENTRY_FILE,
    GP_ENTRY_FOLDER,
    GP_ENTRY_LINK,
    GP_ENTRY_SPECIAL
} gp_entry_kind;

typedef struct gp_archive_entry {
    const char *name; /* owned by the archive */
    size_t name_len;
    gp_entry_kind kind;
    uint64_t size, packed; /* bytes, as the directory says */
    uint32_t crc;
    unsigned mode;  /* Unix permission bits, 0 when unknown */
    double changed; /* Unix seconds, 0 when unknown */
    int encrypted;
} gp_archive_entry;

/* Inclusive bounds of an extraction or a verification. */
typedef struct gp_archive_bounds {
    uint64_t bytes;   /* total size of the wanted files */
    uint64_t entries; /* in the archive */
    /* Size divided by packed size, for each entry over 1 MiB; and, over 16 MiB, the total size of
     * the wanted entries divided by the archive's size: a zip bomb may consist of many small
     * entries, or of one that is listed many times. */
    double ratio;
} gp_archive_bounds;

typedef struct gp_archive_tally {
    uint64_t files, folders, bytes;
    uint64_t read; /* bytes unpacked */
} gp_archive_tally;

typedef struct gp_archive gp_archive;

/*
 * Opens the archive in a file. On GP_ARCHIVE_OK the caller closes *archive. The directory is
 * checked first (core/zip.h): GP_ARCHIVE_UNSAFE when it has more than `entries` entries, entries
 * that overlap, or names that are too long. libzip sees only the part that was checked.
 */
gp_archive_status gp_archive_open(const char *path, uint64_t entries, gp_archive **archive,
                                  gp_archive_problem *problem);

/* Opens the directory of an archive of `total` bytes from its last `len` bytes. They are copied
 * and must contain the whole directory. */
gp_archive_status gp_archive_open_tail(const void *tail, size_t len, uint64_t total,
                                       uint64_t entries, gp_archive **archive,
                                       gp_archive_problem *problem);

/* NULL is allowed. */
void gp_archive_close(gp_archive *archive);

/* The number of entries. */
uint64_t gp_archive_count(const gp_archive *archive);

/* The length in bytes. */
uint64_t gp_archive_len(const gp_archive *archive);

/* Fills `entry` from entry `index` of the directory. */
gp_archive_status gp_archive_entry_at(gp_archive *archive, uint64_t index, gp_archive_entry *entry,
                                      gp_archive_problem *problem);

/* The index of the entry with this name, or -1. */
int64_t gp_archive_find(gp_archive *archive, const char *name);

/* One entry being read; the fields are private to the module. */
typedef struct gp_archive_reader {
    struct zip_file *file;
    const char *name;
    uint64_t size, sum;
} gp_archive_reader;

/* Starts to read an entry. On GP_ARCHIVE_OK the caller closes the reader. */
gp_archive_status gp_archive_reader_open(gp_archive *archive, uint64_t index,
                                         gp_archive_reader *reader, gp_archive_problem *problem);

/* Reads the next `*len` bytes, at most `size`; 0 at the end, once length and checksum have been
 * verified. Bytes delivered before GP_ARCHIVE_DAMAGED must not be used. */
gp_archive_status gp_archive_reader_next(gp_archive_reader *reader, void *bytes, size_t size,
                                         size_t *len, gp_archive_problem *problem);

/* Closes the reader; no effect if it is not open. */
void gp_archive_reader_close(gp_archive_reader *reader);

/*
 * Reads one entry to its end and passes each chunk to `take(ctx, bytes, len)`, which returns 0 to
 * continue and anything else to stop. The checksum is verified: bytes passed on before
 * GP_ARCHIVE_DAMAGED must not be used.
 */
gp_archive_status gp_archive_read(gp_archive *archive, uint64_t index,
                                  int (*take)(void *ctx, const void *bytes, size_t len), void *ctx,
                                  gp_archive_problem *problem);

/*
 * Work on a whole archive, which may take long. It is done in slices, so that the caller can do
 * other things in between. Call gp_archive_work_step until it returns something other than
 * GP_ARCHIVE_MORE, then gp_archive_work_end; gp_archive_work_end may also be called earlier. The
 * archive must stay open between steps.
 */
typedef struct gp_archive_work gp_archive_work;

/* Reads every entry, within bounds, and verifies length and checksum. On GP_ARCHIVE_OK the caller
 * ends *work. */
gp_archive_status gp_archive_verify(gp_archive *archive, const gp_archive_bounds *bounds,
                                    gp_archive_work **work, gp_archive_problem *problem);

/*
 * Writes entries below `folder`, which must exist: all of them, or those with a nonzero byte in
 * `wanted`, which has one byte per entry and is copied. All entries are checked first, then written
 * and verified in a staging folder inside `folder`, and moved into place only when complete. So a
 * failure leaves nothing behind, and no file is ever visible half written. A file of the same name
 * is replaced. Links inside the folder are not followed.
 */
gp_archive_status gp_archive_extract(gp_archive *archive, const char *folder,
                                     const gp_archive_bounds *bounds, const char *wanted,
                                     gp_archive_work **work, gp_archive_problem *problem);

/* Processes about `limit` bytes; each entry also counts for some. Returns GP_ARCHIVE_MORE,
 * GP_ARCHIVE_OK when all is done, or the reason for the failure once it has been rolled back. */
gp_archive_status gp_archive_work_step(gp_archive_work *work, uint64_t limit,
                                       gp_archive_problem *problem);

/* Cancels the work: further steps roll it back and return GP_ARCHIVE_STOPPED. No effect once files
 * are being moved into place: then further steps complete the work. */
void gp_archive_work_give_up(gp_archive_work *work);

/* The totals so far. */
const gp_archive_tally *gp_archive_work_tally(const gp_archive_work *work);

/* Frees the work and removes its staging folder, in one go. NULL is allowed. */
void gp_archive_work_end(gp_archive_work *work);

#endif

/*
 * Reading artifact archives (zip): their directory, single entries, and extraction below a folder.
 *
 * An archive is opened from a file, or from its last bytes alone (core/zip.h says how many): then
 * it has a directory but no contents. Nothing is believed that the archive says about itself:
 * sizes and checksums are verified while reading, and extraction writes only regular files and
 * folders, only below the folder that it was given, whatever names and links say.
 *
 *     gp_archive *archive = NULL;
 *     gp_archive_problem problem;
 *     if (gp_archive_open(path, &archive, &problem) != GP_ARCHIVE_OK) ... problem.text ...
 *     gp_archive_close(archive);
 *
 * Calls read and write files and so may wait for the disk.
 */
#ifndef GP_IO_ARCHIVE_H
#define GP_IO_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

typedef enum gp_archive_status {
    GP_ARCHIVE_OK = 0,
    GP_ARCHIVE_DAMAGED, /* no zip, cut off, wrong checksum, encrypted, lies about itself */
    GP_ARCHIVE_UNSAFE,  /* would write outside the folder, links, devices, more than the bounds */
    GP_ARCHIVE_MISSING, /* no such entry */
    GP_ARCHIVE_SYSTEM,  /* the system refused: disk full, no permission, out of memory */
    GP_ARCHIVE_STOPPED, /* the reader's callback said so, or the work was given up */
    GP_ARCHIVE_MORE     /* the slice is over, the work is not */
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

/* Bounds of an extraction or a verification; each is exclusive of nothing: up to and including. */
typedef struct gp_archive_bounds {
    uint64_t bytes;   /* of all files together that are wanted */
    uint64_t entries; /* of the archive */
    /* Size by packed size, for each entry over 1 MiB; and of all that are wanted together by the
     * archive's own, over 16 MiB: a bomb may be of many small pieces, or of one that is told of
     * many times. */
    double ratio;
} gp_archive_bounds;

typedef struct gp_archive_tally {
    uint64_t files, folders, bytes;
    uint64_t read; /* bytes of entries that were unpacked */
} gp_archive_tally;

typedef struct gp_archive gp_archive;

/*
 * Opens the archive in a file. On GP_ARCHIVE_OK the caller closes *archive. The directory is
 * checked first (core/zip.h): GP_ARCHIVE_UNSAFE when it has more than `entries` entries, entries
 * that overlap, or names that are a burden; what has been checked is all that libzip gets to see of
 * it.
 */
gp_archive_status gp_archive_open(const char *path, uint64_t entries, gp_archive **archive,
                                  gp_archive_problem *problem);

/* Opens the directory of an archive of `total` bytes from its last `len` bytes, which are copied
 * and must hold the whole directory. */
gp_archive_status gp_archive_open_tail(const void *tail, size_t len, uint64_t total,
                                       uint64_t entries, gp_archive **archive,
                                       gp_archive_problem *problem);

/* Closes; NULL is allowed. */
void gp_archive_close(gp_archive *archive);

/* How many entries there are. */
uint64_t gp_archive_count(const gp_archive *archive);

/* Its length in bytes. */
uint64_t gp_archive_len(const gp_archive *archive);

/* Entry `index` of the directory. */
gp_archive_status gp_archive_entry_at(gp_archive *archive, uint64_t index, gp_archive_entry *entry,
                                      gp_archive_problem *problem);

/* The index of a name, or -1. */
int64_t gp_archive_find(gp_archive *archive, const char *name);

/* One entry being read; the fields are the module's own. */
typedef struct gp_archive_reader {
    struct zip_file *file;
    const char *name;
    uint64_t size, sum;
} gp_archive_reader;

/* Begins to read an entry. On GP_ARCHIVE_OK the caller closes the reader. */
gp_archive_status gp_archive_reader_open(gp_archive *archive, uint64_t index,
                                         gp_archive_reader *reader, gp_archive_problem *problem);

/* The next `*len` bytes, at most `size`; 0 at the end: then length and checksum were right. What
 * came before GP_ARCHIVE_DAMAGED is not to be used. */
gp_archive_status gp_archive_reader_next(gp_archive_reader *reader, void *bytes, size_t size,
                                         size_t *len, gp_archive_problem *problem);

/* Ends the reading; one that is not open is left alone. */
void gp_archive_reader_close(gp_archive_reader *reader);

/*
 * Reads one entry to its end, handing pieces to `take(ctx, bytes, len)`, which returns 0 to go on
 * and anything else to stop. The checksum is verified: what was handed out before
 * GP_ARCHIVE_DAMAGED is not to be used.
 */
gp_archive_status gp_archive_read(gp_archive *archive, uint64_t index,
                                  int (*take)(void *ctx, const void *bytes, size_t len), void *ctx,
                                  gp_archive_problem *problem);

/*
 * Work on a whole archive, which may take long: it is done in slices, between which whoever drives
 * it does other things. Steps are taken until one says something else than GP_ARCHIVE_MORE; then,
 * or at any time, the work is ended. The archive must stay open as long as steps are taken.
 */
typedef struct gp_archive_work gp_archive_work;

/* To read every entry, within bounds: length and checksum must be right. On GP_ARCHIVE_OK the
 * caller ends *work. */
gp_archive_status gp_archive_verify(gp_archive *archive, const gp_archive_bounds *bounds,
                                    gp_archive_work **work, gp_archive_problem *problem);

/*
 * To write entries below `folder`, which must exist: all of them, or those for which `wanted`, one
 * byte an entry, is not zero (it is copied). Everything is checked first; then all is written and
 * verified in a folder of its own within `folder`, and only when it is whole, moved to its place.
 * So on failure nothing is left behind, and no file is ever seen half written. A file of the same
 * name is replaced. Links inside the folder are not followed.
 */
gp_archive_status gp_archive_extract(gp_archive *archive, const char *folder,
                                     const gp_archive_bounds *bounds, const char *wanted,
                                     gp_archive_work **work, gp_archive_problem *problem);

/* Goes on for about `limit` bytes; an entry costs some too. GP_ARCHIVE_MORE, GP_ARCHIVE_OK when all
 * is done, or why it failed, once nothing is left of it. */
gp_archive_status gp_archive_work_step(gp_archive_work *work, uint64_t limit,
                                       gp_archive_problem *problem);

/* Gives the work up, if it can be: further steps remove what there is and say GP_ARCHIVE_STOPPED.
 * Once files are being moved to their places it is too late, and the steps bring it to its end. */
void gp_archive_work_give_up(gp_archive_work *work);

/* What has been written so far. */
const gp_archive_tally *gp_archive_work_tally(const gp_archive_work *work);

/* Frees the work, and at once removes what it has left aside. NULL is allowed. */
void gp_archive_work_end(gp_archive_work *work);

#endif

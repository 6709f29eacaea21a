#include "io/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zip.h>

#include "core/zip.h"

/*
 * An archive as a source for libzip: a file, or its tail alone; then the bytes before the tail read
 * as zeros, which only matters for the contents.
 *
 * libzip searches for the end record in its own way, and trusts every one that it finds. So while
 * it opens the archive, it sees only what core/zip.h has found and checked: the directory and its
 * end records. All other bytes read as zeros.
 */
typedef struct archive_source {
    int file; /* -1: `bytes` */
    unsigned char *bytes;
    uint64_t len, total, at;
    int opening;
    gp_zip_place place;
    zip_error_t error;
} archive_source;

struct gp_archive {
    zip_t *zip;
    archive_source *source; /* libzip frees it */
    int has_contents;
};

static gp_archive_status fail(gp_archive_status status, gp_archive_problem *problem,
                              const char *format, ...) __attribute__((format(printf, 3, 4)));

static gp_archive_status fail(gp_archive_status status, gp_archive_problem *problem,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return status;
}

/* Maps libzip's error codes: these are system errors, all others faults of the archive. */
static gp_archive_status status_of(int code)
{
    switch (code) {
    case ZIP_ER_SEEK:
    case ZIP_ER_OPEN:
    case ZIP_ER_TMPOPEN:
    case ZIP_ER_MEMORY:
        return GP_ARCHIVE_SYSTEM;
    case ZIP_ER_NOENT:
        return GP_ARCHIVE_MISSING;
    default:
        return GP_ARCHIVE_DAMAGED;
    }
}

static gp_archive_status fail_zip(zip_error_t *error, gp_archive_problem *problem, const char *what)
{
    return fail(status_of(zip_error_code_zip(error)), problem, "%s: %s", what,
                zip_error_strerror(error));
}

/* ---- Opening ---- */

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const gp_alloc heap = {resize, NULL};

/* Reads exactly `len` bytes at `at`; 0, or -1 with errno. */
static int read_file(int file, unsigned char *data, size_t len, uint64_t at)
{
    while (len > 0) {
        ssize_t got = pread(file, data, len, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO; /* the file was truncated */
        if (got <= 0) return -1;
        data += got;
        len -= (size_t)got;
        at += (uint64_t)got;
    }
    return 0;
}

static int read_bytes(const archive_source *source, unsigned char *data, size_t len, uint64_t at)
{
    uint64_t start = source->total - source->len, zeros = 0;
    if (source->file >= 0) return read_file(source->file, data, len, at);
    if (at < start) {
        zeros = start - at < len ? start - at : len;
        memset(data, 0, zeros);
    }
    if (zeros < len) memcpy(data + zeros, source->bytes + (at + zeros - start), len - zeros);
    return 0;
}

/* Zeroes the bytes from `from` up to `until` within `len` bytes read at `at`. */
static void hide(unsigned char *data, size_t len, uint64_t at, uint64_t from, uint64_t until)
{
    if (from < at) from = at;
    if (until > at + len) until = at + len;
    if (from < until) memset(data + (from - at), 0, (size_t)(until - from));
}

static zip_int64_t source_read(archive_source *source, unsigned char *data, zip_uint64_t len)
{
    const gp_zip_place *place = &source->place;
    uint64_t at = source->at;
    if (len > source->total - at) len = source->total - at;
    if (read_bytes(source, data, (size_t)len, at) != 0) {
        zip_error_set(&source->error, ZIP_ER_READ, errno);
        return -1;
    }
    if (source->opening) {
        uint64_t behind = place->offset + place->size;
        hide(data, (size_t)len, at, 0, place->offset);
        if (place->is_64) {
            hide(data, (size_t)len, at, behind, place->end_64);
            hide(data, (size_t)len, at, place->end_64 + 56, place->end - 20);
        } else {
            hide(data, (size_t)len, at, behind, place->end);
        }
        hide(data, (size_t)len, at, place->end + 22, source->total);
    }
    source->at += len;
    return (zip_int64_t)len;
}

static zip_int64_t source_call(void *state, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
    archive_source *source = state;
    zip_stat_t *stat;
    zip_int64_t offset;
    switch (command) {
    case ZIP_SOURCE_OPEN:
        source->at = 0;
        return 0;
    case ZIP_SOURCE_CLOSE:
        return 0;
    case ZIP_SOURCE_READ:
        return source_read(source, data, len);
    case ZIP_SOURCE_SEEK:
        offset =
            zip_source_seek_compute_offset(source->at, source->total, data, len, &source->error);
        if (offset < 0) return -1;
        source->at = (uint64_t)offset;
        return 0;
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)source->at;
    case ZIP_SOURCE_STAT:
        stat = data;
        zip_stat_init(stat);
        stat->size = source->total;
        stat->valid = ZIP_STAT_SIZE;
        return (zip_int64_t)sizeof *stat;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&source->error, data, len);
    case ZIP_SOURCE_FREE:
        zip_error_fini(&source->error);
        if (source->file >= 0) close(source->file);
        free(source->bytes);
        free(source);
        return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
        zip_error_set(&source->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* Checks that the directory is safe to read and is the only one that libzip will find. */
static gp_archive_status check_directory(const archive_source *source, uint64_t entries,
                                         gp_archive_problem *problem)
{
    const gp_zip_place *place = &source->place;
    /* Includes the records after it. */
    uint64_t len = place->end - place->offset;
    const char *reason = NULL;
    unsigned char *bytes;
    gp_zip_verdict verdict;
    if (len > gp_zip_directory_most(entries)) {
        return fail(GP_ARCHIVE_UNSAFE, problem, "the archive's directory is too large");
    }
    bytes = malloc(len ? (size_t)len : 1);
    if (!bytes) return fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
    if (read_bytes(source, bytes, (size_t)len, place->offset) != 0) {
        free(bytes);
        return fail(GP_ARCHIVE_SYSTEM, problem, "%s", strerror(errno));
    }
    verdict = gp_zip_check_directory(bytes, place, entries, &heap, &reason);
    if (verdict == GP_ZIP_FINE && memmem(bytes, (size_t)len, "PK\5\6", 4)) {
        verdict = GP_ZIP_UNSAFE;
        reason = "the directory holds another end";
    }
    free(bytes);
    if (verdict == GP_ZIP_FINE) return GP_ARCHIVE_OK;
    if (verdict == GP_ZIP_NO_MEMORY) return fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
    return fail(verdict == GP_ZIP_UNSAFE ? GP_ARCHIVE_UNSAFE : GP_ARCHIVE_DAMAGED, problem,
                "cannot read the archive: %s", reason);
}

/* Finds the records at the archive's end. */
static gp_archive_status find_end(archive_source *source, gp_archive_problem *problem)
{
    size_t len = source->total < GP_ZIP_TAIL ? (size_t)source->total : (size_t)GP_ZIP_TAIL;
    unsigned char *tail;
    int found;
    if (source->file < 0 && len > source->len) len = (size_t)source->len;
    tail = malloc(len ? len : 1);
    if (!tail) return fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
    if (read_bytes(source, tail, len, source->total - len) != 0) {
        free(tail);
        return fail(GP_ARCHIVE_SYSTEM, problem, "%s", strerror(errno));
    }
    found = gp_zip_find(tail, len, source->total, &source->place);
    free(tail);
    if (!found || (source->file < 0 && source->place.offset < source->total - source->len)) {
        return fail(GP_ARCHIVE_DAMAGED, problem, "cannot read the archive: its end is missing");
    }
    return GP_ARCHIVE_OK;
}

/* Opens the source `state` and takes ownership of it. */
static gp_archive_status open_source(archive_source *state, uint64_t entries, gp_archive **archive,
                                     gp_archive_problem *problem)
{
    gp_archive *made = calloc(1, sizeof *made);
    zip_source_t *source = NULL;
    zip_error_t error;
    gp_archive_status status = GP_ARCHIVE_OK;
    zip_error_init(&error);
    zip_error_init(&state->error);
    if (!made) {
        status = fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
        goto done;
    }
    status = find_end(state, problem);
    if (status == GP_ARCHIVE_OK) status = check_directory(state, entries, problem);
    if (status != GP_ARCHIVE_OK) goto done;
    state->opening = 1;
    made->has_contents = state->file >= 0;
    made->source = state;
    source = zip_source_function_create(source_call, state, &error);
    if (source) {
        state = NULL;
        made->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
        if (!made->zip) zip_source_free(source);
    }
    if (!made->zip) {
        status = fail_zip(&error, problem, "cannot read the archive");
        goto done;
    }
    made->source->opening = 0;
    *archive = made;
    made = NULL;
done:
    free(made);
    if (state) source_call(state, NULL, 0, ZIP_SOURCE_FREE);
    zip_error_fini(&error);
    return status;
}

gp_archive_status gp_archive_open(const char *path, uint64_t entries, gp_archive **archive,
                                  gp_archive_problem *problem)
{
    struct stat status;
    archive_source *state = calloc(1, sizeof *state);
    if (!state) return fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
    state->file = open(path, O_RDONLY | O_CLOEXEC);
    if (state->file < 0 || fstat(state->file, &status) != 0 || S_ISDIR(status.st_mode)) {
        int missing = state->file < 0 && errno == ENOENT;
        gp_archive_status failed =
            fail(missing ? GP_ARCHIVE_MISSING : GP_ARCHIVE_SYSTEM, problem,
                 "cannot read the archive: %s", strerror(state->file < 0 ? errno : EISDIR));
        if (state->file >= 0) close(state->file);
        free(state);
        return failed;
    }
    state->total = (uint64_t)status.st_size;
    return open_source(state, entries, archive, problem);
}

gp_archive_status gp_archive_open_tail(const void *tail, size_t len, uint64_t total,
                                       uint64_t entries, gp_archive **archive,
                                       gp_archive_problem *problem)
{
    archive_source *state = calloc(1, sizeof *state);
    if (!state || len > total || !(state->bytes = malloc(len ? len : 1))) {
        free(state);
        return fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
    }
    memcpy(state->bytes, tail, len);
    state->file = -1;
    state->len = len;
    state->total = total;
    return open_source(state, entries, archive, problem);
}

void gp_archive_close(gp_archive *archive)
{
    if (!archive) return;
    zip_discard(archive->zip);
    free(archive);
}

/* ---- Listing ---- */

uint64_t gp_archive_len(const gp_archive *archive)
{
    return archive->source->total;
}

uint64_t gp_archive_count(const gp_archive *archive)
{
    zip_int64_t count = zip_get_num_entries(archive->zip, 0);
    return count < 0 ? 0 : (uint64_t)count;
}

/* Unix file types, as the upper half of the external attributes holds them. */
enum { TYPE_MASK = 0170000, TYPE_FILE = 0100000, TYPE_FOLDER = 0040000, TYPE_LINK = 0120000 };

static void read_mode(gp_archive *archive, uint64_t index, gp_archive_entry *entry)
{
    zip_uint8_t system;
    zip_uint32_t attributes;
    unsigned type = 0;
    int ends_with_slash = entry->name_len > 0 && entry->name[entry->name_len - 1] == '/';
    entry->kind = ends_with_slash ? GP_ENTRY_FOLDER : GP_ENTRY_FILE;
    if (zip_file_get_external_attributes(archive->zip, index, 0, &system, &attributes) != 0) return;
    if (system != ZIP_OPSYS_UNIX && system != ZIP_OPSYS_OS_X) return;
    entry->mode = attributes >> 16 & 07777;
    type = attributes >> 16 & TYPE_MASK;
    if (type == TYPE_LINK) entry->kind = GP_ENTRY_LINK;
    if (type == TYPE_FOLDER) entry->kind = GP_ENTRY_FOLDER;
    if (type != 0 && type != TYPE_LINK && type != TYPE_FOLDER && type != TYPE_FILE) {
        entry->kind = GP_ENTRY_SPECIAL;
    }
}

gp_archive_status gp_archive_entry_at(gp_archive *archive, uint64_t index, gp_archive_entry *entry,
                                      gp_archive_problem *problem)
{
    zip_stat_t stat;
    memset(entry, 0, sizeof *entry);
    zip_stat_init(&stat);
    if (zip_stat_index(archive->zip, index, ZIP_FL_ENC_RAW, &stat) != 0) {
        return fail_zip(zip_get_error(archive->zip), problem, "cannot read the directory");
    }
    entry->name = stat.valid & ZIP_STAT_NAME && stat.name ? stat.name : "";
    entry->name_len = strlen(entry->name);
    if (stat.valid & ZIP_STAT_SIZE) entry->size = stat.size;
    if (stat.valid & ZIP_STAT_COMP_SIZE) entry->packed = stat.comp_size;
    if (stat.valid & ZIP_STAT_CRC) entry->crc = stat.crc;
    if (stat.valid & ZIP_STAT_MTIME) entry->changed = (double)stat.mtime;
    entry->encrypted =
        stat.valid & ZIP_STAT_ENCRYPTION_METHOD && stat.encryption_method != ZIP_EM_NONE;
    read_mode(archive, index, entry);
    return GP_ARCHIVE_OK;
}

int64_t gp_archive_find(gp_archive *archive, const char *name)
{
    return zip_name_locate(archive->zip, name, ZIP_FL_ENC_RAW);
}

/* ---- Reading ---- */

gp_archive_status gp_archive_reader_open(gp_archive *archive, uint64_t index,
                                         gp_archive_reader *reader, gp_archive_problem *problem)
{
    gp_archive_entry entry;
    gp_archive_status status = gp_archive_entry_at(archive, index, &entry, problem);
    memset(reader, 0, sizeof *reader);
    if (status != GP_ARCHIVE_OK) return status;
    if (!archive->has_contents) {
        return fail(GP_ARCHIVE_MISSING, problem, "only the archive's directory is available");
    }
    if (entry.encrypted) {
        return fail(GP_ARCHIVE_DAMAGED, problem, "%s is encrypted", entry.name);
    }
    reader->file = zip_fopen_index(archive->zip, index, 0);
    if (!reader->file) return fail_zip(zip_get_error(archive->zip), problem, entry.name);
    reader->name = entry.name;
    reader->size = entry.size;
    return GP_ARCHIVE_OK;
}

gp_archive_status gp_archive_reader_next(gp_archive_reader *reader, void *bytes, size_t size,
                                         size_t *len, gp_archive_problem *problem)
{
    zip_int64_t got = zip_fread(reader->file, bytes, size);
    if (got < 0) return fail_zip(zip_file_get_error(reader->file), problem, reader->name);
    reader->sum += (uint64_t)got;
    if (reader->sum > reader->size || (got == 0 && reader->sum != reader->size)) {
        return fail(GP_ARCHIVE_DAMAGED, problem, "%s: size differs from the directory's",
                    reader->name);
    }
    *len = (size_t)got;
    return GP_ARCHIVE_OK;
}

void gp_archive_reader_close(gp_archive_reader *reader)
{
    if (reader->file) zip_fclose(reader->file);
    reader->file = NULL;
}

gp_archive_status gp_archive_read(gp_archive *archive, uint64_t index,
                                  int (*take)(void *ctx, const void *bytes, size_t len), void *ctx,
                                  gp_archive_problem *problem)
{
    char piece[32768];
    gp_archive_reader reader;
    size_t len = 1;
    gp_archive_status status = gp_archive_reader_open(archive, index, &reader, problem);
    while (status == GP_ARCHIVE_OK && len > 0) {
        status = gp_archive_reader_next(&reader, piece, sizeof piece, &len, problem);
        if (status == GP_ARCHIVE_OK && len > 0 && take(ctx, piece, len) != 0)
            status = GP_ARCHIVE_STOPPED;
    }
    gp_archive_reader_close(&reader);
    return status;
}

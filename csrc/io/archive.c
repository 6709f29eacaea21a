#include "io/archive.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zip.h>

#include "core/zip.h"

/* The end of an archive as a source for libzip: what lies before it reads as zeros, which nothing
 * but the contents would need. */
typedef struct tail_source {
    unsigned char *bytes;
    uint64_t len, total, at;
    zip_error_t error;
} tail_source;

struct gp_archive {
    zip_t *zip;
    int has_contents;
    uint64_t len; /* of the file */
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

/* Errors of libzip that are the system's; all others are the archive's. */
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

static zip_int64_t tail_read(tail_source *source, unsigned char *data, zip_uint64_t len)
{
    uint64_t start = source->total - source->len, zeros = 0;
    if (len > source->total - source->at) len = source->total - source->at;
    if (source->at < start) {
        zeros = start - source->at < len ? start - source->at : len;
        memset(data, 0, zeros);
    }
    if (zeros < len)
        memcpy(data + zeros, source->bytes + (source->at + zeros - start), len - zeros);
    source->at += len;
    return (zip_int64_t)len;
}

static zip_int64_t tail_call(void *state, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
    tail_source *source = state;
    zip_stat_t *stat;
    zip_int64_t offset;
    switch (command) {
    case ZIP_SOURCE_OPEN:
        source->at = 0;
        return 0;
    case ZIP_SOURCE_CLOSE:
        return 0;
    case ZIP_SOURCE_READ:
        return tail_read(source, data, len);
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

static gp_archive_status wrap(zip_t *zip, int has_contents, uint64_t len, gp_archive **archive,
                              gp_archive_problem *problem)
{
    gp_archive *made = calloc(1, sizeof *made);
    if (!made) {
        zip_discard(zip);
        return fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
    }
    made->zip = zip;
    made->has_contents = has_contents;
    made->len = len;
    *archive = made;
    return GP_ARCHIVE_OK;
}

gp_archive_status gp_archive_open(const char *path, gp_archive **archive,
                                  gp_archive_problem *problem)
{
    zip_error_t error;
    struct stat file;
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    if (!zip) {
        gp_archive_status status;
        zip_error_init_with_code(&error, code);
        status = fail_zip(&error, problem, "can not read the archive");
        zip_error_fini(&error);
        return status;
    }
    if (stat(path, &file) != 0) file.st_size = 0;
    return wrap(zip, 1, (uint64_t)file.st_size, archive, problem);
}

gp_archive_status gp_archive_open_tail(const void *tail, size_t len, uint64_t total,
                                       gp_archive **archive, gp_archive_problem *problem)
{
    tail_source *state = calloc(1, sizeof *state);
    zip_source_t *source = NULL;
    zip_t *zip = NULL;
    zip_error_t error;
    gp_archive_status status;
    zip_error_init(&error);
    if (!state || len > total || !(state->bytes = malloc(len ? len : 1))) {
        free(state);
        zip_error_fini(&error);
        return fail(GP_ARCHIVE_SYSTEM, problem, "out of memory");
    }
    memcpy(state->bytes, tail, len);
    state->len = len;
    state->total = total;
    zip_error_init(&state->error);
    source = zip_source_function_create(tail_call, state, &error);
    if (source) {
        zip = zip_open_from_source(source, ZIP_RDONLY, &error);
        if (!zip) zip_source_free(source);
    } else {
        tail_call(state, NULL, 0, ZIP_SOURCE_FREE);
    }
    status = zip ? wrap(zip, 0, total, archive, problem)
                 : fail_zip(&error, problem, "can not read the archive's directory");
    zip_error_fini(&error);
    return status;
}

void gp_archive_close(gp_archive *archive)
{
    if (!archive) return;
    zip_discard(archive->zip);
    free(archive);
}

/* ---- Looking ---- */

uint64_t gp_archive_len(const gp_archive *archive)
{
    return archive->len;
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
        return fail_zip(zip_get_error(archive->zip), problem, "can not read the directory");
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
        return fail(GP_ARCHIVE_MISSING, problem, "only the archive's directory is at hand");
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
        return fail(GP_ARCHIVE_DAMAGED, problem, "%s: holds another number of bytes than it says",
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

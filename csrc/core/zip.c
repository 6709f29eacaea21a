#include "core/zip.h"

#include <stdlib.h>
#include <string.h>

enum { END_LEN = 22, LOCATOR_LEN = 20, END64_LEN = 56, RECORD_LEN = 46, LOCAL_LEN = 30 };

enum { MAX_NAME = 4096, MAX_COMPONENT = 255, MAX_DEPTH = 100 };

/* Bytes of a directory: more than an entry usually takes, and the size that is always allowed. */
enum { USUAL_ENTRY = 336, LEAST_DIRECTORY = 64 << 20 };

/* The most names in one hash chain of libzip, which searches the chain for each name. */
enum { LONGEST_CHAIN = 256 };

static uint64_t little_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

/* Reads the ZIP64 records before the end record; 0 when there is no valid one. */
static int find_zip64(const unsigned char *tail, size_t end, uint64_t start, gp_zip_place *place)
{
    const unsigned char *locator, *record;
    uint64_t at;
    if (end < LOCATOR_LEN) return 0;
    locator = tail + end - LOCATOR_LEN;
    if (memcmp(locator, "PK\6\7", 4) != 0) return 0;
    at = little_endian(locator + 8, 8);
    if (at < start || at - start > end || end - (at - start) < END64_LEN) return 0;
    record = tail + (at - start);
    if (memcmp(record, "PK\6\6", 4) != 0) return 0;
    place->entries = little_endian(record + 32, 8);
    place->size = little_endian(record + 40, 8);
    place->offset = little_endian(record + 48, 8);
    place->is_64 = 1;
    place->end_64 = at;
    return 1;
}

int gp_zip_find(const unsigned char *tail, size_t len, uint64_t total, gp_zip_place *place)
{
    size_t at;
    if (len < END_LEN || len > total) return 0;
    for (at = len - END_LEN + 1; at-- > 0;) {
        const unsigned char *end = tail + at;
        /* The comment must fill the rest exactly; other bytes only look like the record. */
        if (memcmp(end, "PK\5\6", 4) != 0 || little_endian(end + 20, 2) != len - at - END_LEN) {
            continue;
        }
        memset(place, 0, sizeof *place);
        place->end = total - len + at;
        place->entries = little_endian(end + 10, 2);
        place->size = little_endian(end + 12, 4);
        place->offset = little_endian(end + 16, 4);
        if (place->size == 0xffffffff || place->offset == 0xffffffff || place->entries == 0xffff) {
            if (!find_zip64(tail, at, total - len, place)) return 0;
        }
        return place->offset <= place->end && place->size <= place->end - place->offset;
    }
    return 0;
}

int gp_zip_locate(const unsigned char *tail, size_t len, uint64_t total, uint64_t *offset,
                  uint64_t *size)
{
    gp_zip_place place;
    if (!gp_zip_find(tail, len, total, &place)) return 0;
    *offset = place.offset;
    *size = place.size;
    return 1;
}

/* ---- The directory ---- */

uint64_t gp_zip_directory_most(uint64_t entries)
{
    uint64_t most = entries > UINT64_MAX / USUAL_ENTRY ? UINT64_MAX : entries * USUAL_ENTRY;
    return most > LEAST_DIRECTORY ? most : LEAST_DIRECTORY;
}

/* Why a name is unsafe even just to list, or NULL. */
static const char *listing_problem(const char *name, size_t len)
{
    size_t at, depth = 1;
    if (len > MAX_NAME) return "a name is too long";
    for (at = 0; at < len; at++)
        depth += name[at] == '/' || name[at] == '\\';
    return depth > MAX_DEPTH ? "a name is nested too deeply" : NULL;
}

/* The bytes of an archive that belong to one entry: its header, its name and its contents. */
typedef struct extent {
    uint64_t start, end;
} extent;

/* One record of the directory. */
typedef struct record {
    const char *name;
    size_t name_len, len;
    extent extent;
} record;

/* Reads number `index` of a record's ZIP64 field; 0 when it is absent. */
static int read_zip64(const unsigned char *extra, size_t len, size_t index, uint64_t *value)
{
    while (len >= 4) {
        size_t field = (size_t)little_endian(extra + 2, 2);
        if (field > len - 4) return 0;
        if (little_endian(extra, 2) == 1) {
            if (field < (index + 1) * 8) return 0;
            *value = little_endian(extra + 4 + index * 8, 8);
            return 1;
        }
        extra += 4 + field;
        len -= 4 + field;
    }
    return 0;
}

static int read_record(const unsigned char *at, size_t left, record *entry)
{
    size_t name_len, extra_len, comment_len, wide = 0;
    uint64_t packed, start;
    const unsigned char *extra;
    if (left < RECORD_LEN || memcmp(at, "PK\1\2", 4) != 0) return 0;
    name_len = (size_t)little_endian(at + 28, 2);
    extra_len = (size_t)little_endian(at + 30, 2);
    comment_len = (size_t)little_endian(at + 32, 2);
    entry->len = RECORD_LEN + name_len + extra_len + comment_len;
    if (entry->len > left) return 0;
    entry->name = (const char *)at + RECORD_LEN;
    entry->name_len = name_len;
    extra = at + RECORD_LEN + name_len;
    packed = little_endian(at + 20, 4);
    start = little_endian(at + 42, 4);
    /* The field holds only the numbers that do not fit into the record, in this order. */
    wide += little_endian(at + 24, 4) == 0xffffffff;
    if (packed == 0xffffffff && !read_zip64(extra, extra_len, wide++, &packed)) return 0;
    if (start == 0xffffffff && !read_zip64(extra, extra_len, wide, &start)) return 0;
    if (packed > UINT64_MAX / 4 || start > UINT64_MAX / 4) return 0;
    entry->extent.start = start;
    entry->extent.end = start + LOCAL_LEN + name_len + packed;
    return 1;
}

/* Counts the records; returns a problem or NULL. */
static const char *count_records(const unsigned char *bytes, const gp_zip_place *place,
                                 uint64_t *count, int *is_unsafe)
{
    size_t at = 0, size = (size_t)place->size;
    record entry;
    *count = 0;
    *is_unsafe = 0;
    for (; at < size; at += entry.len, ++*count) {
        const char *problem;
        if (!read_record(bytes + at, size - at, &entry)) return "the directory is damaged";
        problem = listing_problem(entry.name, entry.name_len);
        if (problem) {
            *is_unsafe = 1;
            return problem;
        }
    }
    if (place->is_64 ? place->entries != *count : place->entries != (*count & 0xffff))
        return "the directory's number of entries does not match the end record";
    return NULL;
}

static int by_start(const void *a, const void *b)
{
    const extent *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

/* The number of hash chains that libzip uses for so many names. */
static size_t chains_for(uint64_t count)
{
    size_t chains = 256;
    while ((double)chains * 0.75 < (double)count)
        chains *= 2;
    return chains;
}

static uint32_t hash_of(const char *name, size_t len)
{
    uint32_t value = 5381;
    size_t i;
    for (i = 0; i < len; i++)
        value = value * 33 + (unsigned char)name[i];
    return value;
}

/* Fills in the extents; a problem if one hash chain is so long that it must be deliberate. */
static const char *collect_extents(const unsigned char *bytes, size_t size, uint64_t count,
                                   extent *extents, uint16_t *chains, size_t chain_count)
{
    size_t at = 0, i;
    record entry;
    for (i = 0; i < count; i++, at += entry.len) {
        if (!read_record(bytes + at, size - at, &entry)) return "the directory is damaged";
        extents[i] = entry.extent;
        if (++chains[hash_of(entry.name, entry.name_len) & (chain_count - 1)] > LONGEST_CHAIN)
            return "too many names have the same hash value";
    }
    return NULL;
}

static const char *check_extents(extent *extents, uint64_t count, uint64_t limit)
{
    size_t i;
    qsort(extents, (size_t)count, sizeof *extents, by_start);
    for (i = 0; i < count; i++) {
        if (extents[i].end > limit) return "an entry overlaps the directory";
        if (i > 0 && extents[i].start < extents[i - 1].end) return "entries overlap";
    }
    return NULL;
}

gp_zip_verdict gp_zip_check_directory(const unsigned char *bytes, const gp_zip_place *place,
                                      uint64_t entries, const gp_alloc *alloc, const char **reason)
{
    uint64_t count;
    size_t chain_count, extents_size, chains_size;
    extent *extents;
    uint16_t *chains;
    int is_unsafe;
    gp_zip_verdict verdict = GP_ZIP_NO_MEMORY;
    *reason = count_records(bytes, place, &count, &is_unsafe);
    if (*reason) return is_unsafe ? GP_ZIP_UNSAFE : GP_ZIP_DAMAGED;
    *reason = "too many entries";
    if (count > entries) return GP_ZIP_UNSAFE;
    *reason = NULL;
    if (!count) return GP_ZIP_FINE;
    chain_count = chains_for(count);
    extents_size = (size_t)count * sizeof *extents;
    chains_size = chain_count * sizeof *chains;
    extents = alloc->resize(alloc->ctx, NULL, 0, extents_size);
    chains = alloc->resize(alloc->ctx, NULL, 0, chains_size);
    if (extents && chains) {
        memset(chains, 0, chains_size);
        *reason = collect_extents(bytes, (size_t)place->size, count, extents, chains, chain_count);
        if (!*reason) *reason = check_extents(extents, count, place->offset);
        verdict = *reason ? GP_ZIP_UNSAFE : GP_ZIP_FINE;
    }
    if (extents) alloc->resize(alloc->ctx, extents, extents_size, 0);
    if (chains) alloc->resize(alloc->ctx, chains, chains_size, 0);
    return verdict;
}

/* ---- Names ---- */

const char *gp_zip_name_danger(const char *name, size_t len)
{
    size_t start = 0, at;
    const char *problem = listing_problem(name, len);
    if (len == 0) return "an entry has no name";
    if (problem) return problem;
    if (memchr(name, 0, len)) return "a name contains a NUL";
    if (name[0] == '/' || name[0] == '\\') return "a name is absolute";
    if (len >= 2 && name[1] == ':') return "a name has a drive letter";
    for (at = 0; at <= len; at++) {
        if (at < len && name[at] != '/' && name[at] != '\\') continue;
        if (at - start == 2 && name[start] == '.' && name[start + 1] == '.') {
            return "a name leads out of the folder";
        }
        if (at - start > MAX_COMPONENT) return "a name is too long";
        start = at + 1;
    }
    return NULL;
}

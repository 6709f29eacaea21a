#include "core/zip.h"

#include <string.h>

enum { END_LEN = 22, LOCATOR_LEN = 20, END64_LEN = 56, MAX_NAME = 4096, MAX_COMPONENT = 255 };

static uint64_t little_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

/* The place that a ZIP64 record before the end record tells; 0 when there is none of sense. */
static int locate_64(const unsigned char *tail, size_t end, uint64_t start, uint64_t *offset,
                     uint64_t *size)
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
    *size = little_endian(record + 40, 8);
    *offset = little_endian(record + 48, 8);
    return 1;
}

int gp_zip_locate(const unsigned char *tail, size_t len, uint64_t total, uint64_t *offset,
                  uint64_t *size)
{
    size_t at;
    if (len < END_LEN || len > total) return 0;
    for (at = len - END_LEN + 1; at-- > 0;) {
        const unsigned char *end = tail + at;
        /* The comment fills the rest exactly: bytes that only look like the record do not. */
        if (memcmp(end, "PK\5\6", 4) != 0 || little_endian(end + 20, 2) != len - at - END_LEN) {
            continue;
        }
        *size = little_endian(end + 12, 4);
        *offset = little_endian(end + 16, 4);
        if (*size == 0xffffffff || *offset == 0xffffffff || little_endian(end + 10, 2) == 0xffff) {
            if (!locate_64(tail, at, total - len, offset, size)) return 0;
        }
        return *offset <= total - len + at && *size <= total - len + at - *offset;
    }
    return 0;
}

const char *gp_zip_name_danger(const char *name, size_t len)
{
    size_t start = 0, at;
    if (len == 0) return "an entry has no name";
    if (len > MAX_NAME) return "a name is too long";
    if (memchr(name, 0, len)) return "a name holds a NUL";
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

/* Local headers, contents, the central directory; fixed times, so that equal files give equal
 * bytes. */
#include "mock/gitlab/archive.h"

#include <string.h>

static uint32_t crc32_of(const char *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;
    size_t i;
    int bit;
    for (i = 0; i < len; i++) {
        crc ^= (unsigned char)data[i];
        for (bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    return ~crc;
}

static void put(gp_buf *buf, uint32_t value, int bytes)
{
    char out[4];
    int i;
    for (i = 0; i < bytes; i++)
        out[i] = (char)(value >> (8 * i) & 0xFF);
    gp_buf_add(buf, out, (size_t)bytes);
}

/* What local header and central entry share, from "version needed" on: no flags but UTF-8 names,
 * stored, 1 January 2026. */
static void put_common(gp_buf *buf, const gp_json *file)
{
    uint32_t len = file->type == GP_JSON_STRING ? (uint32_t)file->len : 0;
    put(buf, 20, 2);
    put(buf, 0x0800, 2);
    put(buf, 0, 2);
    put(buf, 0, 2);
    put(buf, (46u << 9) | (1u << 5) | 1u, 2);
    put(buf, crc32_of(len ? file->string : "", len), 4);
    put(buf, len, 4);
    put(buf, len, 4);
    put(buf, (uint32_t)strlen(file->key), 2);
    put(buf, 0, 2);
}

void gp_archive_write(gp_buf *buf, const gp_json *files)
{
    size_t start = buf->len, directory, size;
    const gp_json *file;
    uint32_t offset = 0;
    uint32_t count = (uint32_t)files->count;
    for (file = files->child; file; file = file->next) {
        put(buf, 0x04034B50, 4);
        put_common(buf, file);
        gp_buf_adds(buf, file->key);
        if (file->type == GP_JSON_STRING) gp_buf_add(buf, file->string, file->len);
    }
    directory = buf->len - start;
    for (file = files->child; file; file = file->next) {
        put(buf, 0x02014B50, 4);
        put(buf, 0x0314, 2);
        put_common(buf, file);
        put(buf, 0, 2);
        put(buf, 0, 2);
        put(buf, 0, 2);
        put(buf, 0100644u << 16, 4);
        put(buf, offset, 4);
        gp_buf_adds(buf, file->key);
        offset += 30 + (uint32_t)strlen(file->key) +
                  (file->type == GP_JSON_STRING ? (uint32_t)file->len : 0);
    }
    size = buf->len - start - directory;
    put(buf, 0x06054B50, 4);
    put(buf, 0, 2);
    put(buf, 0, 2);
    put(buf, count, 2);
    put(buf, count, 2);
    put(buf, (uint32_t)size, 4);
    put(buf, (uint32_t)directory, 4);
    put(buf, 0, 2);
}

#include "io/http_incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/http_headers.h"

enum {
    USUAL_HEADERS = 1000,
    MAX_HEADERS_IN = 256 * 1024,
    MAX_ERROR_BODY = 1024 * 1024,
    MAX_REDIRECT_BODY = 256 * 1024,
    FULL = 256 * 1024,
};

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (!new_size) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

static const gp_alloc heap = {heap_resize, NULL};

int gp_http_incoming_open(gp_http_incoming *in, const gp_http_request *request)
{
    in->sink = request->sink;
    in->file_offset = request->file_offset;
    in->max_bytes = request->max_bytes;
    in->head = !strcmp(request->method, "HEAD");
    in->headers.alloc = &heap;
    in->body.alloc = &heap;
    in->fd = -1;
    return request->sink != GP_HTTP_FILE || (in->path = strdup(request->file)) != NULL;
}

void gp_http_incoming_fail(gp_http_incoming *in, const char *format, ...)
{
    va_list args;
    if (in->problem) return;
    va_start(args, format);
    if (vasprintf(&in->problem, format, args) < 0) in->problem = NULL;
    va_end(args);
}

/* Skips a file that already has the size: ext4 flushes a truncated file on close, and the loop
 * would block for that long. */
static int cut(int fd, int64_t size)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (status.st_size == size || ftruncate(fd, (off_t)size) == 0);
}

static int open_file(gp_http_incoming *in)
{
    int64_t offset = in->status == 206 ? in->file_offset : 0;
    in->fd = open(in->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (in->fd >= 0 && cut(in->fd, offset) && lseek(in->fd, (off_t)offset, SEEK_SET) >= 0) {
        return 1;
    }
    gp_http_incoming_fail(in, "cannot write %s: %s", in->path, strerror(errno));
    return 0;
}

static int is_redirect(const gp_http_incoming *in)
{
    size_t len;
    switch (in->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return gp_http_headers_find(&in->headers, "Location", &len) != NULL;
    default:
        return 0;
    }
}

/* The headers are complete: chooses where the body goes, and checks its announced length. */
static gp_http_code choose_target(gp_http_incoming *in)
{
    const char *text;
    size_t len;
    long long told;
    int good = in->status >= 200 && in->status < 300;
    in->target = GP_HTTP_TO_MEMORY;
    in->bound = in->max_bytes;
    if (is_redirect(in)) {
        in->target = GP_HTTP_TO_NOWHERE;
        in->bound = MAX_REDIRECT_BODY;
    } else if (in->sink != GP_HTTP_MEMORY && good) {
        in->bound = INT64_MAX;
        in->target = in->sink == GP_HTTP_CHUNKS ? GP_HTTP_TO_CHUNKS : GP_HTTP_TO_FILE;
        if (in->target == GP_HTTP_TO_FILE && !open_file(in)) return GP_HTTP_SINK_FAILED;
    } else if (in->sink != GP_HTTP_MEMORY && in->bound > MAX_ERROR_BODY) {
        in->bound = MAX_ERROR_BODY;
    }
    text = gp_http_headers_find(&in->headers, "Content-Length", &len);
    told = text && !in->head ? strtoll(text, NULL, 10) : 0;
    if (told > in->bound) return GP_HTTP_TOO_LARGE;
    /* One allocation for an ordinary body; a larger announced length is not trusted. */
    if (in->target == GP_HTTP_TO_MEMORY && told > 0 && told <= MAX_ERROR_BODY) {
        gp_buf_reserve(&in->body, (size_t)told);
    }
    return GP_HTTP_CODE_NONE;
}

static void new_block(gp_http_incoming *in, const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    in->headers.len = 0;
    in->headers_done = 0;
    in->status = 0;
    gp_buf_reserve(&in->headers, USUAL_HEADERS);
    /* libcurl has checked that three digits and a line end follow. */
    if (space && (size_t)(line + len - space) > 4) in->status = atoi(space + 1);
}

static int write_file(gp_http_incoming *in, const char *data, size_t len)
{
    while (len) {
        ssize_t written = write(in->fd, data, len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            gp_http_incoming_fail(in, "cannot write %s: %s", in->path, strerror(errno));
            return 0;
        }
        data += written;
        len -= (size_t)written;
    }
    return 1;
}

gp_http_code gp_http_incoming_header(gp_http_incoming *in, const char *line, size_t len)
{
    if (len > 5 && !strncmp(line, "HTTP/", 5)) {
        new_block(in, line, len);
    } else if (in->headers_done) {
        return GP_HTTP_CODE_NONE; /* a trailer */
    }
    if (in->headers.len + len > MAX_HEADERS_IN) {
        gp_http_incoming_fail(in, "the response's headers are longer than %d KiB",
                              MAX_HEADERS_IN / 1024);
        return GP_HTTP_PROTOCOL;
    }
    gp_buf_add(&in->headers, line, len);
    if (in->headers.failed) {
        gp_http_incoming_fail(in, "out of memory");
        return GP_HTTP_TOO_LARGE;
    }
    if (line[0] != '\r' && line[0] != '\n') return GP_HTTP_CODE_NONE;
    /* An interim response such as 100 Continue: another block follows. */
    if (in->status < 200) return GP_HTTP_CODE_NONE;
    in->headers_done = 1;
    return choose_target(in);
}

gp_http_code gp_http_incoming_body(gp_http_incoming *in, const char *data, size_t len)
{
    if ((int64_t)len > in->bound - in->bytes) return GP_HTTP_TOO_LARGE;
    in->bytes += (int64_t)len;
    if (in->target == GP_HTTP_TO_NOWHERE) return GP_HTTP_CODE_NONE;
    if (in->target == GP_HTTP_TO_FILE) {
        return write_file(in, data, len) ? GP_HTTP_CODE_NONE : GP_HTTP_SINK_FAILED;
    }
    gp_buf_add(&in->body, data, len);
    if (!in->body.failed) return GP_HTTP_CODE_NONE;
    gp_http_incoming_fail(in, "out of memory");
    return GP_HTTP_TOO_LARGE;
}

int gp_http_incoming_full(const gp_http_incoming *in)
{
    return in->target == GP_HTTP_TO_CHUNKS && in->body.len >= FULL;
}

int gp_http_incoming_close(gp_http_incoming *in)
{
    int closed = in->fd < 0 || close(in->fd) == 0;
    in->fd = -1;
    return closed;
}

void gp_http_incoming_free(gp_http_incoming *in)
{
    gp_http_incoming_close(in);
    free(in->path);
    free(in->problem);
    gp_buf_free(&in->headers);
    gp_buf_free(&in->body);
}

#include "io/journal_lock.h"

#include "io/lock_holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gp_lock_file {
    int fd;     /* -1: within this object alone */
    char *path; /* NULL as well then */
    uint64_t *held;
    size_t count, capacity;
};

/* The byte of a name: FNV-1a, truncated to fit off_t. Collisions in 2^62 are negligible. */
static uint64_t byte_of(const char *name, size_t len)
{
    uint64_t hash = 14695981039346656037ULL;
    size_t i;
    for (i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211ULL;
    return hash >> 2;
}

static int set_lock(int fd, short type, uint64_t byte)
{
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = (off_t)byte;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &lock);
}

int gp_lock_file_open(const char *beside, gp_lock_file **out, char *err, size_t err_size)
{
    gp_lock_file *file = calloc(1, sizeof *file);
    char *path = NULL;
    size_t size;
    *out = NULL;
    if (!file) goto no_memory;
    file->fd = -1;
    if (!beside) {
        *out = file;
        return 0;
    }
    size = strlen(beside) + sizeof "-lock";
    path = malloc(size);
    if (!path) goto no_memory;
    snprintf(path, size, "%s-lock", beside);
    file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (file->fd < 0) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        free(path);
        free(file);
        return -1;
    }
    file->path = path;
    *out = file;
    return 0;
no_memory:
    snprintf(err, err_size, "out of memory");
    free(file);
    return -1;
}

void gp_lock_file_close(gp_lock_file *file)
{
    if (!file) return;
    if (file->fd >= 0) close(file->fd);
    free(file->path);
    free(file->held);
    free(file);
}

/* The index of a byte among the held ones; `count` if it is not held. */
static size_t find(const gp_lock_file *file, uint64_t byte)
{
    size_t i;
    for (i = 0; i < file->count && file->held[i] != byte; i++) {
    }
    return i;
}

int gp_lock_file_take(gp_lock_file *file, const char *name, size_t len, char *err, size_t err_size)
{
    uint64_t byte = byte_of(name, len);
    /* The kernel would grant the same lock twice to one open file. */
    if (find(file, byte) < file->count) return 0;
    if (file->count == file->capacity) {
        size_t capacity = file->capacity ? file->capacity * 2 : 8;
        uint64_t *held = realloc(file->held, capacity * sizeof *held);
        if (!held) {
            snprintf(err, err_size, "out of memory");
            return -1;
        }
        file->held = held;
        file->capacity = capacity;
    }
    if (file->fd >= 0 && set_lock(file->fd, F_WRLCK, byte) != 0) {
        if (errno == EAGAIN || errno == EACCES) return 0;
        snprintf(err, err_size, "lock: %s", strerror(errno));
        return -1;
    }
    file->held[file->count++] = byte;
    return 1;
}

void gp_lock_file_give(gp_lock_file *file, const char *name, size_t len)
{
    uint64_t byte = byte_of(name, len);
    size_t at = find(file, byte);
    if (at == file->count) return;
    if (file->fd >= 0) set_lock(file->fd, F_UNLCK, byte);
    file->held[at] = file->held[--file->count];
}

long gp_lock_file_holder(const gp_lock_file *file, const char *name, size_t len)
{
    uint64_t byte = byte_of(name, len);
    return file->path ? gp_lock_holder(file->path, byte, byte, 1) : 0;
}

int gp_lock_file_note(gp_lock_file *file, const char *text, size_t len, char *err, size_t err_size)
{
    size_t done = 0;
    if (file->fd < 0) return 0;
    if (ftruncate(file->fd, 0) != 0) goto failed;
    while (done < len) {
        ssize_t wrote = pwrite(file->fd, text + done, len - done, (off_t)done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) goto failed;
        done += (size_t)wrote;
    }
    return 0;
failed:
    snprintf(err, err_size, "lock file: %s", strerror(errno));
    return -1;
}

void gp_lock_file_read(const gp_lock_file *file, char *text, size_t size)
{
    ssize_t got = file->fd < 0 ? 0 : pread(file->fd, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
}

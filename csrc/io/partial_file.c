#include "io/partial_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Another download that finished between our open and our lock has renamed the file. */
static int still_named(const char *path, const struct stat *ours)
{
    struct stat named;
    return lstat(path, &named) == 0 && named.st_dev == ours->st_dev && named.st_ino == ours->st_ino;
}

static gp_part_claim_result fail(gp_part *part, char *error, size_t error_size, const char *path)
{
    snprintf(error, error_size, "%s: %s", path, strerror(errno));
    gp_part_release(part);
    return GP_PART_FAILED;
}

gp_part_claim_result gp_part_claim(const char *path, gp_part *part, char *error, size_t error_size)
{
    int tries;
    for (tries = 0; tries < 10; tries++) {
        struct flock lock;
        struct stat status;
        part->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
        if (part->fd < 0 || fstat(part->fd, &status) != 0) {
            return fail(part, error, error_size, path);
        }
        if (!S_ISREG(status.st_mode)) {
            errno = EEXIST;
            return fail(part, error, error_size, path);
        }
        memset(&lock, 0, sizeof lock);
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        if (fcntl(part->fd, F_OFD_SETLK, &lock) != 0) {
            gp_part_release(part);
            return GP_PART_HELD;
        }
        if (still_named(path, &status)) return GP_PART_OURS;
        gp_part_release(part);
    }
    return GP_PART_HELD;
}

gp_part_claim_result gp_part_make(const char *path, gp_part *part, char *error, size_t error_size)
{
    part->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return part->fd >= 0 ? GP_PART_OURS : fail(part, error, error_size, path);
}

int64_t gp_part_size(const gp_part *part)
{
    struct stat status;
    return fstat(part->fd, &status) == 0 ? (int64_t)status.st_size : -1;
}

int gp_part_cut(const gp_part *part, int64_t size)
{
    /* ext4 flushes a truncated file on close, even if its length did not change, and close would
     * block for that long. */
    return gp_part_size(part) == size ? 0 : ftruncate(part->fd, (off_t)size);
}

void gp_part_release(gp_part *part)
{
    if (part->fd >= 0) close(part->fd);
    part->fd = -1;
}

int gp_part_may_be_named(const char *path)
{
    struct stat status;
    return stat(path, &status) != 0 || S_ISREG(status.st_mode);
}

int gp_part_folder(const char *path, void (*made)(void *ctx, const char *path), void *ctx)
{
    char at[PATH_MAX];
    size_t len = strlen(path), i;
    if (len == 0 || len >= sizeof at) {
        errno = len ? ENAMETOOLONG : ENOENT;
        return -1;
    }
    memcpy(at, path, len + 1);
    for (i = 1; i <= len; i++) {
        char kept = at[i];
        if ((kept != '/' && kept != 0) || at[i - 1] == '/') continue;
        at[i] = 0;
        if (mkdir(at, 0777) == 0)
            made(ctx, at);
        else if (errno != EEXIST && errno != EISDIR && errno != EROFS && errno != EACCES)
            return -1;
        at[i] = kept;
    }
    {
        struct stat status;
        if (stat(path, &status) != 0) return -1;
        if (S_ISDIR(status.st_mode)) return 0;
        errno = ENOTDIR;
        return -1;
    }
}

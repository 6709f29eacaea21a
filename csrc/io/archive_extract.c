/* Extraction: first everything is looked at, then written, one verified file after the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/zip.h"
#include "io/archive.h"

enum { RATIO_COUNTS_FROM = 1 << 20 };

static gp_archive_status refuse(gp_archive_status status, gp_archive_problem *problem,
                                const char *reason, const char *name)
{
    snprintf(problem->text, sizeof problem->text, "%s: %.200s", reason, name);
    return status;
}

static gp_archive_status refuse_errno(gp_archive_problem *problem, const char *name)
{
    return refuse(GP_ARCHIVE_SYSTEM, problem, strerror(errno), name);
}

static gp_archive_status check_entry(const gp_archive_entry *entry, const gp_archive_bounds *bounds,
                                     gp_archive_problem *problem)
{
    const char *danger = gp_zip_name_danger(entry->name, entry->name_len);
    if (danger) return refuse(GP_ARCHIVE_UNSAFE, problem, danger, entry->name);
    if (entry->kind == GP_ENTRY_LINK) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "an entry is a link", entry->name);
    }
    if (entry->kind == GP_ENTRY_SPECIAL) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "an entry is a device", entry->name);
    }
    if (entry->encrypted) {
        return refuse(GP_ARCHIVE_DAMAGED, problem, "an entry is encrypted", entry->name);
    }
    if (entry->size > RATIO_COUNTS_FROM &&
        (double)entry->size > bounds->ratio * (double)entry->packed) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "an entry is packed suspiciously well",
                      entry->name);
    }
    return GP_ARCHIVE_OK;
}

static gp_archive_status check_all(gp_archive *archive, const gp_archive_bounds *bounds,
                                   gp_archive_problem *problem)
{
    uint64_t count = gp_archive_count(archive), i, sum = 0;
    if (count > bounds->entries) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "too many entries", "the archive");
    }
    for (i = 0; i < count; i++) {
        gp_archive_entry entry;
        gp_archive_status status = gp_archive_entry_at(archive, i, &entry, problem);
        if (status == GP_ARCHIVE_OK) status = check_entry(&entry, bounds, problem);
        if (status != GP_ARCHIVE_OK) return status;
        if (entry.size > bounds->bytes - sum) {
            return refuse(GP_ARCHIVE_UNSAFE, problem, "more bytes than allowed", entry.name);
        }
        sum += entry.size;
    }
    return GP_ARCHIVE_OK;
}

/* Opens the folder `name` below `parent`, made if missing; a link is not followed. */
static int enter(int parent, const char *name)
{
    if (mkdirat(parent, name, 0777) != 0 && errno != EEXIST) return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * Opens the folder that `path` lies in, making what is missing. `leaf` becomes the last component
 * ("" for a folder's own name). The caller closes the descriptor; -1 with errno.
 */
static int enter_parents(int folder, const char *path, char *leaf, size_t leaf_size)
{
    int at = dup(folder);
    while (at >= 0) {
        size_t len = strcspn(path, "/");
        int next;
        if (len >= leaf_size) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(leaf, path, len);
        leaf[len] = 0;
        if (path[len] == 0) return at;
        path += len + 1;
        if (len == 0 || strcmp(leaf, ".") == 0) continue;
        next = enter(at, leaf);
        close(at);
        at = next;
    }
    if (at >= 0) close(at);
    return -1;
}

static int write_piece(void *ctx, const void *bytes, size_t len)
{
    const char *at = bytes;
    int file = *(int *)ctx;
    while (len > 0) {
        ssize_t wrote = write(file, at, len);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return -1;
        at += wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

/* Writes entry `index` as `leaf` in `parent`: under a name of its own until it is whole. */
static gp_archive_status write_file(gp_archive *archive, uint64_t index,
                                    const gp_archive_entry *entry, int parent, const char *leaf,
                                    gp_archive_problem *problem)
{
    char temporary[64];
    mode_t mode = entry->mode & 0100 ? 0777 : 0666;
    gp_archive_status status;
    int file;
    snprintf(temporary, sizeof temporary, ".gp-extract-%ld", (long)getpid());
    unlinkat(parent, temporary, 0);
    file = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file < 0) return refuse_errno(problem, entry->name);
    status = gp_archive_read(archive, index, write_piece, &file, problem);
    if (status == GP_ARCHIVE_STOPPED) status = refuse_errno(problem, entry->name);
    if (close(file) != 0 && status == GP_ARCHIVE_OK) status = refuse_errno(problem, entry->name);
    if (status == GP_ARCHIVE_OK && renameat(parent, temporary, parent, leaf) != 0) {
        status = refuse_errno(problem, entry->name);
    }
    if (status != GP_ARCHIVE_OK) unlinkat(parent, temporary, 0);
    return status;
}

static gp_archive_status write_entry(gp_archive *archive, uint64_t index, int folder,
                                     gp_archive_tally *tally, gp_archive_problem *problem)
{
    char leaf[256];
    gp_archive_entry entry;
    gp_archive_status status = gp_archive_entry_at(archive, index, &entry, problem);
    int parent;
    if (status != GP_ARCHIVE_OK) return status;
    parent = enter_parents(folder, entry.name, leaf, sizeof leaf);
    if (parent < 0) {
        /* A file or a link stands where a folder should: it may lead anywhere. */
        if (errno == ENOTDIR || errno == ELOOP) {
            return refuse(GP_ARCHIVE_UNSAFE, problem, "a name leads through what is no folder",
                          entry.name);
        }
        return refuse_errno(problem, entry.name);
    }
    if (entry.kind == GP_ENTRY_FOLDER) {
        int made = leaf[0] ? enter(parent, leaf) : dup(parent);
        if (made < 0)
            status = refuse_errno(problem, entry.name);
        else
            close(made);
        tally->folders++;
    } else if (!leaf[0] || strcmp(leaf, ".") == 0) {
        status = refuse(GP_ARCHIVE_UNSAFE, problem, "a file's name ends in no name", entry.name);
    } else {
        status = write_file(archive, index, &entry, parent, leaf, problem);
        tally->files++;
        tally->bytes += entry.size;
    }
    close(parent);
    return status;
}

gp_archive_status gp_archive_extract(gp_archive *archive, const char *folder,
                                     const gp_archive_bounds *bounds, gp_archive_tally *tally,
                                     gp_archive_problem *problem)
{
    gp_archive_status status = check_all(archive, bounds, problem);
    uint64_t count = gp_archive_count(archive), i;
    int root;
    memset(tally, 0, sizeof *tally);
    if (status != GP_ARCHIVE_OK) return status;
    root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return refuse_errno(problem, folder);
    for (i = 0; i < count && status == GP_ARCHIVE_OK; i++) {
        status = write_entry(archive, i, root, tally, problem);
    }
    close(root);
    return status;
}

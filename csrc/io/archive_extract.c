/* Extraction: everything is looked at, written and verified aside, and then moved to its place. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/zip.h"
#include "io/archive.h"

enum { RATIO_COUNTS_FROM = 1 << 20, DEEPEST = 100 };

/* One extraction under way. */
typedef struct extraction {
    gp_archive *archive;
    const char *wanted; /* NULL: all */
    int root, stage;    /* descriptors of the folder and of the one aside */
    gp_archive_tally *tally;
    gp_archive_problem *problem;
} extraction;

typedef gp_archive_status entry_step(extraction *self, uint64_t index,
                                     const gp_archive_entry *entry);

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

static int depth_of(const char *name)
{
    int depth = 1;
    for (; *name; name++)
        depth += *name == '/';
    return depth;
}

static gp_archive_status check_entry(const gp_archive_entry *entry, const gp_archive_bounds *bounds,
                                     gp_archive_problem *problem)
{
    const char *danger = gp_zip_name_danger(entry->name, entry->name_len);
    if (!danger && depth_of(entry->name) > DEEPEST) danger = "a name lies too deep";
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
                                   const char *wanted, gp_archive_problem *problem)
{
    uint64_t count = gp_archive_count(archive), i, sum = 0;
    if (count > bounds->entries) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "too many entries", "the archive");
    }
    for (i = 0; i < count; i++) {
        gp_archive_entry entry;
        gp_archive_status status;
        if (wanted && !wanted[i]) continue;
        status = gp_archive_entry_at(archive, i, &entry, problem);
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

/* Why a folder on the way to a name can not be entered. */
static gp_archive_status refuse_way(gp_archive_problem *problem, const char *name)
{
    /* A file or a link stands where a folder should: it may lead anywhere. */
    if (errno == ENOTDIR || errno == ELOOP) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "a name leads through what is no folder", name);
    }
    return refuse_errno(problem, name);
}

static gp_archive_status write_file(extraction *self, uint64_t index, const gp_archive_entry *entry,
                                    int parent, const char *leaf)
{
    mode_t mode = entry->mode & 0100 ? 0777 : 0666;
    gp_archive_status status;
    int file;
    /* Of two entries of one name the later one counts. */
    unlinkat(parent, leaf, 0);
    file = openat(parent, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file < 0) {
        if (errno == EEXIST) errno = ENOTDIR;
        return refuse_way(self->problem, entry->name);
    }
    status = gp_archive_read(self->archive, index, write_piece, &file, self->problem);
    if (status == GP_ARCHIVE_STOPPED) status = refuse_errno(self->problem, entry->name);
    if (close(file) != 0 && status == GP_ARCHIVE_OK) {
        status = refuse_errno(self->problem, entry->name);
    }
    return status;
}

/* Writes an entry aside. */
static gp_archive_status write_entry(extraction *self, uint64_t index,
                                     const gp_archive_entry *entry)
{
    char leaf[256];
    gp_archive_status status = GP_ARCHIVE_OK;
    int parent = enter_parents(self->stage, entry->name, leaf, sizeof leaf);
    if (parent < 0) return refuse_way(self->problem, entry->name);
    if (entry->kind == GP_ENTRY_FOLDER) {
        int made = leaf[0] ? enter(parent, leaf) : dup(parent);
        if (made < 0)
            status = refuse_way(self->problem, entry->name);
        else
            close(made);
        self->tally->folders++;
    } else if (!leaf[0] || strcmp(leaf, ".") == 0) {
        status =
            refuse(GP_ARCHIVE_UNSAFE, self->problem, "a file's name ends in no name", entry->name);
    } else {
        status = write_file(self, index, entry, parent, leaf);
        self->tally->files++;
        self->tally->bytes += entry->size;
    }
    close(parent);
    return status;
}

/* Does what already stands in the folder leave room for the entry? Nothing is changed. */
static gp_archive_status find_room(extraction *self, uint64_t index, const gp_archive_entry *entry)
{
    const char *name = entry->name;
    char at[4097];
    size_t len = 0;
    (void)index;
    while (name[len]) {
        struct stat status;
        int folder;
        len += strcspn(name + len, "/");
        memcpy(at, name, len);
        at[len] = 0;
        folder = name[len] == '/' || entry->kind == GP_ENTRY_FOLDER;
        while (name[len] == '/')
            len++;
        /* Not through a link: each part before was seen to be a folder. */
        if (fstatat(self->root, at, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return errno == ENOENT ? GP_ARCHIVE_OK : refuse_errno(self->problem, name);
        }
        if (folder != !!S_ISDIR(status.st_mode)) {
            return refuse(GP_ARCHIVE_UNSAFE, self->problem,
                          folder ? "a name leads through what is no folder"
                                 : "a folder stands where a file should",
                          name);
        }
    }
    return GP_ARCHIVE_OK;
}

/* Moves an entry from aside to its place. */
static gp_archive_status move_entry(extraction *self, uint64_t index, const gp_archive_entry *entry)
{
    char leaf[256];
    gp_archive_status status = GP_ARCHIVE_OK;
    int to = enter_parents(self->root, entry->name, leaf, sizeof leaf), from = -1, made = -1;
    (void)index;
    if (to < 0) return refuse_way(self->problem, entry->name);
    if (entry->kind == GP_ENTRY_FOLDER) {
        made = leaf[0] ? enter(to, leaf) : dup(to);
        if (made < 0) status = refuse_way(self->problem, entry->name);
    } else {
        from = enter_parents(self->stage, entry->name, leaf, sizeof leaf);
        /* The first of two entries of one name has taken it there already. */
        if (from < 0 || (renameat(from, leaf, to, leaf) != 0 && errno != ENOENT)) {
            status = refuse_errno(self->problem, entry->name);
        }
    }
    if (made >= 0) close(made);
    if (from >= 0) close(from);
    close(to);
    return status;
}

static gp_archive_status each_entry(extraction *self, entry_step *step)
{
    uint64_t count = gp_archive_count(self->archive), i;
    for (i = 0; i < count; i++) {
        gp_archive_entry entry;
        gp_archive_status status;
        if (self->wanted && !self->wanted[i]) continue;
        status = gp_archive_entry_at(self->archive, i, &entry, self->problem);
        if (status == GP_ARCHIVE_OK) status = step(self, i, &entry);
        if (status != GP_ARCHIVE_OK) return status;
    }
    return GP_ARCHIVE_OK;
}

/* Empties a folder that is ours, as deep as names may lie; closes the descriptor. */
static void empty(int folder) // NOLINT(misc-no-recursion)
{
    DIR *list = fdopendir(folder);
    struct dirent *item;
    if (!list) {
        close(folder);
        return;
    }
    while ((item = readdir(list))) {
        int below;
        if (!strcmp(item->d_name, ".") || !strcmp(item->d_name, "..")) continue;
        if (unlinkat(folder, item->d_name, 0) == 0) continue;
        below = openat(folder, item->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0) empty(below);
        unlinkat(folder, item->d_name, AT_REMOVEDIR);
    }
    closedir(list);
}

gp_archive_status gp_archive_extract(gp_archive *archive, const char *folder,
                                     const gp_archive_bounds *bounds, const char *wanted,
                                     gp_archive_tally *tally, gp_archive_problem *problem)
{
    static unsigned long extractions;
    extraction self = {archive, wanted, -1, -1, tally, problem};
    char aside[64];
    gp_archive_status status = check_all(archive, bounds, wanted, problem);
    memset(tally, 0, sizeof *tally);
    if (status != GP_ARCHIVE_OK) return status;
    snprintf(aside, sizeof aside, ".gp-extract-%ld-%lu", (long)getpid(), ++extractions);
    self.root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self.root < 0) return refuse_errno(problem, folder);
    if (mkdirat(self.root, aside, 0700) != 0 || (self.stage = enter(self.root, aside)) < 0) {
        status = refuse_errno(problem, folder);
        close(self.root);
        return status;
    }
    status = each_entry(&self, write_entry);
    if (status == GP_ARCHIVE_OK) status = each_entry(&self, find_room);
    if (status == GP_ARCHIVE_OK) status = each_entry(&self, move_entry);
    empty(self.stage);
    unlinkat(self.root, aside, AT_REMOVEDIR);
    close(self.root);
    return status;
}

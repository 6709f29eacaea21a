/*
 * Verification and extraction, in slices. Both check the whole directory first, and read no entry
 * if it exceeds a bound.
 *
 * An extraction makes several passes over the entries: it checks all of them, writes and verifies
 * them in a staging folder, checks for conflicts at the destination, and moves them into place. A
 * slice ends when its bytes are used up, even within an entry, which stays open until the next.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/zip.h"
#include "io/archive.h"

enum { RATIO_COUNTS_FROM = 1 << 20, RATIO_OF_ALL_FROM = 16 << 20 };

/* The cost of examining an entry, and of creating, moving or removing a file or folder, in bytes
 * that could have been read in the same time. */
enum { COST_LOOK = 256, COST_FILE = 16384 };

typedef enum work_phase {
    PHASE_CHECK,  /* every entry is safe, and the total is within bounds */
    PHASE_WRITE,  /* to the staging folder */
    PHASE_ROOM,   /* nothing at the destination conflicts */
    PHASE_MOVE,   /* into place: the point of no return */
    PHASE_CLEAN,  /* remove the staging folder, after success or failure */
    PHASE_VERIFY, /* follows PHASE_CHECK instead of the others: read and discard */
    PHASE_DONE
} work_phase;

struct gp_archive_work {
    gp_archive *archive;
    work_phase phase;
    int verifies;       /* nothing is written */
    uint64_t count, at; /* number of entries, index of the next */
    char *wanted;       /* NULL: all */
    gp_archive_bounds bounds;
    uint64_t sum;             /* total size of the checked entries */
    int root, stage;          /* descriptors of the destination and the staging folder; -1 */
    char aside[64];           /* name of the staging folder, "" before it is created */
    gp_archive_reader reader; /* of the current entry, if `reads` */
    int reads, file;          /* the file being written; -1 */
    gp_archive_tally tally;
    gp_archive_status failure; /* GP_ARCHIVE_OK, or the result once cleaned up */
    gp_archive_problem why;
};

static gp_archive_status refuse(gp_archive_status status, gp_archive_problem *problem,
                                const char *reason, const char *name)
{
    snprintf(problem->text, sizeof problem->text, "%s: %s", reason, name);
    return status;
}

static gp_archive_status refuse_errno(gp_archive_problem *problem, const char *name)
{
    return refuse(GP_ARCHIVE_SYSTEM, problem, strerror(errno), name);
}

/* Whether the entry may be written. */
static gp_archive_status check_name(const gp_archive_entry *entry, gp_archive_problem *problem)
{
    const char *danger = gp_zip_name_danger(entry->name, entry->name_len);
    if (danger) return refuse(GP_ARCHIVE_UNSAFE, problem, danger, entry->name);
    if (entry->kind == GP_ENTRY_LINK) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "an entry is a link", entry->name);
    }
    if (entry->kind == GP_ENTRY_SPECIAL) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "an entry is a device", entry->name);
    }
    return GP_ARCHIVE_OK;
}

/* Whether the entry may be read, given the total size of those before it. */
static gp_archive_status check_entry(gp_archive_work *self, const gp_archive_entry *entry,
                                     gp_archive_problem *problem)
{
    const gp_archive_bounds *bounds = &self->bounds;
    if (!self->verifies && check_name(entry, problem) != GP_ARCHIVE_OK) return GP_ARCHIVE_UNSAFE;
    if (entry->encrypted) {
        return refuse(GP_ARCHIVE_DAMAGED, problem, "an entry is encrypted", entry->name);
    }
    if (entry->size > RATIO_COUNTS_FROM &&
        (double)entry->size > bounds->ratio * (double)entry->packed) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "an entry is packed suspiciously well",
                      entry->name);
    }
    if (entry->size > bounds->bytes - self->sum) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "more bytes than allowed", entry->name);
    }
    self->sum += entry->size;
    return GP_ARCHIVE_OK;
}

/* Opens the folder `name` in `parent`, created if missing; a link is not followed. */
static int enter(int parent, const char *name)
{
    if (mkdirat(parent, name, 0777) != 0 && errno != EEXIST) return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * Opens the parent folder of `path`, creating missing ones. `leaf` is set to the last component
 * ("" if `path` ends in a slash). The caller closes the descriptor; -1 with errno.
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

static int write_piece(int file, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(file, bytes, len);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return -1;
        bytes += wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

/* Reports why a parent folder of a name cannot be opened. */
static gp_archive_status refuse_way(gp_archive_problem *problem, const char *name)
{
    /* A file or a link is in place of a folder; a link may lead anywhere. */
    if (errno == ENOTDIR || errno == ELOOP) {
        return refuse(GP_ARCHIVE_UNSAFE, problem, "a parent of a name is not a folder", name);
    }
    return refuse_errno(problem, name);
}

/* Starts to write a file in the staging folder. */
static gp_archive_status open_file(gp_archive_work *self, const gp_archive_entry *entry, int parent,
                                   const char *leaf, gp_archive_problem *problem)
{
    mode_t mode = entry->mode & 0100 ? 0777 : 0666;
    gp_archive_status status =
        gp_archive_reader_open(self->archive, self->at, &self->reader, problem);
    if (status != GP_ARCHIVE_OK) return status;
    self->reads = 1;
    /* Of two entries with the same name the later one wins. */
    unlinkat(parent, leaf, 0);
    self->file = openat(parent, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (self->file >= 0) return GP_ARCHIVE_OK;
    if (errno == EEXIST) errno = ENOTDIR;
    return refuse_way(problem, entry->name);
}

/* Creates a folder, or starts to write a file, in the staging folder. */
static gp_archive_status write_entry(gp_archive_work *self, const gp_archive_entry *entry,
                                     gp_archive_problem *problem)
{
    char leaf[256];
    gp_archive_status status = GP_ARCHIVE_OK;
    int parent = enter_parents(self->stage, entry->name, leaf, sizeof leaf);
    if (parent < 0) return refuse_way(problem, entry->name);
    if (entry->kind == GP_ENTRY_FOLDER) {
        int made = leaf[0] ? enter(parent, leaf) : dup(parent);
        if (made < 0)
            status = refuse_way(problem, entry->name);
        else
            close(made);
        self->tally.folders++;
    } else if (!leaf[0] || strcmp(leaf, ".") == 0) {
        status =
            refuse(GP_ARCHIVE_UNSAFE, problem, "a file's name has no last component", entry->name);
    } else {
        status = open_file(self, entry, parent, leaf, problem);
        self->tally.files++;
        self->tally.bytes += entry->size;
    }
    close(parent);
    return status;
}

/* Checks, without changes, that nothing at the destination conflicts with the entry. */
static gp_archive_status find_room(gp_archive_work *self, const gp_archive_entry *entry,
                                   gp_archive_problem *problem)
{
    const char *name = entry->name;
    char at[4097];
    size_t len = 0;
    while (name[len]) {
        struct stat status;
        int folder;
        len += strcspn(name + len, "/");
        memcpy(at, name, len);
        at[len] = 0;
        folder = name[len] == '/' || entry->kind == GP_ENTRY_FOLDER;
        while (name[len] == '/')
            len++;
        /* Not through a link: each parent has been found to be a folder. */
        if (fstatat(self->root, at, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return errno == ENOENT ? GP_ARCHIVE_OK : refuse_errno(problem, name);
        }
        if (folder != !!S_ISDIR(status.st_mode)) {
            return refuse(GP_ARCHIVE_UNSAFE, problem,
                          folder ? "a parent of a name is not a folder"
                                 : "a folder stands where a file should",
                          name);
        }
    }
    return GP_ARCHIVE_OK;
}

/* Moves an entry from the staging folder into place. */
static gp_archive_status move_entry(gp_archive_work *self, const gp_archive_entry *entry,
                                    gp_archive_problem *problem)
{
    char leaf[256];
    gp_archive_status status = GP_ARCHIVE_OK;
    int to = enter_parents(self->root, entry->name, leaf, sizeof leaf), from = -1, made = -1;
    if (to < 0) return refuse_way(problem, entry->name);
    if (entry->kind == GP_ENTRY_FOLDER) {
        made = leaf[0] ? enter(to, leaf) : dup(to);
        if (made < 0) status = refuse_way(problem, entry->name);
    } else {
        from = enter_parents(self->stage, entry->name, leaf, sizeof leaf);
        /* ENOENT: the first of two entries with the same name has moved it already. */
        if (from < 0 || (renameat(from, leaf, to, leaf) != 0 && errno != ENOENT)) {
            status = refuse_errno(problem, entry->name);
        }
    }
    if (made >= 0) close(made);
    if (from >= 0) close(from);
    close(to);
    return status;
}

/* Removes one name. Only removals count towards a slice, so that each slice makes progress. */
static int removed(int folder, const char *name, int flags, uint64_t *spent)
{
    if (unlinkat(folder, name, flags) != 0) return 0;
    *spent += COST_FILE;
    return 1;
}

/* Empties a folder in the staging folder, recursively, until `*spent` reaches `limit`: the next
 * slice continues with the rest. Closes the descriptor; false: the slice is used up. */
static int empty(int folder, uint64_t *spent, uint64_t limit) // NOLINT(misc-no-recursion)
{
    DIR *list = fdopendir(folder);
    struct dirent *item;
    if (!list) {
        close(folder);
        return 1;
    }
    while (*spent < limit && (item = readdir(list))) {
        int below;
        if (!strcmp(item->d_name, ".") || !strcmp(item->d_name, "..")) continue;
        if (removed(folder, item->d_name, 0, spent)) continue;
        below = openat(folder, item->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0 && !empty(below, spent, limit)) break;
        removed(folder, item->d_name, AT_REMOVEDIR, spent);
    }
    closedir(list);
    return *spent < limit;
}

/* Removes the staging folder and its contents. */
static gp_archive_status clean(gp_archive_work *self, uint64_t limit)
{
    if (self->aside[0]) {
        uint64_t spent = 0;
        /* A new descriptor each time: reading a folder moves its offset. */
        int folder = openat(self->stage, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0 && !empty(folder, &spent, limit)) return GP_ARCHIVE_MORE;
        unlinkat(self->root, self->aside, AT_REMOVEDIR);
        self->aside[0] = 0;
    }
    self->phase = PHASE_DONE;
    return GP_ARCHIVE_OK;
}

/* Closes the current entry, if any; false with errno when its file cannot be closed. */
static int close_entry(gp_archive_work *self)
{
    int file = self->file;
    if (self->reads) gp_archive_reader_close(&self->reader);
    self->reads = 0;
    self->file = -1;
    return file < 0 || close(file) == 0;
}

/* Continues to read the open entry, into its file if it has one. */
static gp_archive_status read_on(gp_archive_work *self, uint64_t *spent, uint64_t limit,
                                 gp_archive_problem *problem)
{
    char piece[32768];
    const char *name = self->reader.name;
    while (*spent < limit) {
        size_t len = 0;
        gp_archive_status status =
            gp_archive_reader_next(&self->reader, piece, sizeof piece, &len, problem);
        if (status != GP_ARCHIVE_OK) return status;
        if (len == 0) {
            self->at++;
            return close_entry(self) ? GP_ARCHIVE_OK : refuse_errno(problem, name);
        }
        if (self->file >= 0 && write_piece(self->file, piece, len) != 0) {
            return refuse_errno(problem, name);
        }
        *spent += len;
        self->tally.read += len;
    }
    return GP_ARCHIVE_MORE;
}

/* Checks the total ratio once every entry has passed. */
static gp_archive_status check_sum(const gp_archive_work *self, gp_archive_problem *problem)
{
    double most = self->bounds.ratio * (double)gp_archive_len(self->archive);
    if (self->sum <= RATIO_OF_ALL_FROM || (double)self->sum <= most) return GP_ARCHIVE_OK;
    return refuse(GP_ARCHIVE_UNSAFE, problem, "all is packed suspiciously well", "the archive");
}

/* Called when all entries have passed a phase. */
static gp_archive_status next_phase(gp_archive_work *self, gp_archive_problem *problem)
{
    static unsigned long extractions;
    char aside[sizeof self->aside];
    self->at = 0;
    if (self->phase == PHASE_VERIFY) {
        self->phase = PHASE_DONE;
        return GP_ARCHIVE_OK;
    }
    if (self->phase == PHASE_CHECK) {
        if (check_sum(self, problem) != GP_ARCHIVE_OK) return GP_ARCHIVE_UNSAFE;
        if (self->verifies) {
            self->phase = PHASE_VERIFY;
            return GP_ARCHIVE_OK;
        }
        snprintf(aside, sizeof aside, ".gp-extract-%ld-%lu", (long)getpid(), ++extractions);
        if (mkdirat(self->root, aside, 0700) != 0) return refuse_errno(problem, "the folder");
        memcpy(self->aside, aside, sizeof aside);
        self->stage = enter(self->root, aside);
        if (self->stage < 0) return refuse_errno(problem, "the folder");
    }
    self->phase++;
    return GP_ARCHIVE_OK;
}

/* The next entry, as the phase wants it. */
static gp_archive_status next_entry(gp_archive_work *self, uint64_t *spent,
                                    gp_archive_problem *problem)
{
    gp_archive_entry entry;
    gp_archive_status status;
    *spent += COST_LOOK;
    if (self->wanted && !self->wanted[self->at]) {
        self->at++;
        return GP_ARCHIVE_OK;
    }
    status = gp_archive_entry_at(self->archive, self->at, &entry, problem);
    if (status != GP_ARCHIVE_OK) return status;
    if (self->phase == PHASE_VERIFY) {
        status = gp_archive_reader_open(self->archive, self->at, &self->reader, problem);
        self->reads = status == GP_ARCHIVE_OK;
        return status;
    }
    if (self->phase != PHASE_CHECK) *spent += COST_FILE;
    if (self->phase == PHASE_CHECK) status = check_entry(self, &entry, problem);
    if (self->phase == PHASE_WRITE) status = write_entry(self, &entry, problem);
    if (self->phase == PHASE_ROOM) status = find_room(self, &entry, problem);
    if (self->phase == PHASE_MOVE) status = move_entry(self, &entry, problem);
    if (!self->reads) self->at++;
    return status;
}

/* ---- The work ---- */

static gp_archive_status begin(gp_archive *archive, const gp_archive_bounds *bounds,
                               gp_archive_work **work, gp_archive_problem *problem)
{
    gp_archive_work *self = calloc(1, sizeof *self);
    if (!self) return refuse(GP_ARCHIVE_SYSTEM, problem, "out of memory", "the archive");
    self->archive = archive;
    self->phase = PHASE_CHECK;
    self->bounds = *bounds;
    self->count = gp_archive_count(archive);
    self->root = self->stage = self->file = -1;
    *work = self;
    return GP_ARCHIVE_OK;
}

static gp_archive_status check_count(const gp_archive_work *self, gp_archive_problem *problem)
{
    if (self->count <= self->bounds.entries) return GP_ARCHIVE_OK;
    return refuse(GP_ARCHIVE_UNSAFE, problem, "too many entries", "the archive");
}

gp_archive_status gp_archive_verify(gp_archive *archive, const gp_archive_bounds *bounds,
                                    gp_archive_work **work, gp_archive_problem *problem)
{
    gp_archive_work *self = NULL;
    gp_archive_status status = begin(archive, bounds, &self, problem);
    if (status == GP_ARCHIVE_OK) status = check_count(self, problem);
    if (status == GP_ARCHIVE_OK) {
        self->verifies = 1;
        *work = self;
    } else {
        gp_archive_work_end(self);
    }
    return status;
}

gp_archive_status gp_archive_extract(gp_archive *archive, const char *folder,
                                     const gp_archive_bounds *bounds, const char *wanted,
                                     gp_archive_work **work, gp_archive_problem *problem)
{
    gp_archive_work *self = NULL;
    gp_archive_status status = begin(archive, bounds, &self, problem);
    if (status != GP_ARCHIVE_OK) return status;
    status = check_count(self, problem);
    if (status != GP_ARCHIVE_OK) {
        /* `problem` is set. */
    } else if (wanted && !(self->wanted = malloc((size_t)self->count + 1))) {
        status = refuse(GP_ARCHIVE_SYSTEM, problem, "out of memory", "the archive");
    } else {
        if (wanted) memcpy(self->wanted, wanted, (size_t)self->count);
        self->root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (self->root < 0) status = refuse_errno(problem, folder);
    }
    if (status == GP_ARCHIVE_OK)
        *work = self;
    else
        gp_archive_work_end(self);
    return status;
}

/* From now on the steps only remove the staging folder, and then return this failure. */
static void fail(gp_archive_work *self, gp_archive_status status, const gp_archive_problem *problem)
{
    close_entry(self);
    self->failure = status;
    self->why = *problem;
    self->phase = PHASE_CLEAN;
}

gp_archive_status gp_archive_work_step(gp_archive_work *work, uint64_t limit,
                                       gp_archive_problem *problem)
{
    uint64_t spent = 0;
    while (work->phase != PHASE_DONE) {
        gp_archive_status status;
        if (spent >= limit) return GP_ARCHIVE_MORE;
        if (work->phase == PHASE_CLEAN)
            status = clean(work, limit);
        else if (work->reads)
            status = read_on(work, &spent, limit, problem);
        else if (work->at == work->count)
            status = next_phase(work, problem);
        else
            status = next_entry(work, &spent, problem);
        if (status == GP_ARCHIVE_MORE) return status;
        if (status != GP_ARCHIVE_OK) fail(work, status, problem);
    }
    *problem = work->why;
    return work->failure;
}

void gp_archive_work_give_up(gp_archive_work *work)
{
    static const gp_archive_problem cancelled = {"cancelled"};
    if (work->phase == PHASE_MOVE || work->phase == PHASE_CLEAN || work->phase == PHASE_DONE)
        return;
    fail(work, GP_ARCHIVE_STOPPED, &cancelled);
}

const gp_archive_tally *gp_archive_work_tally(const gp_archive_work *work)
{
    return &work->tally;
}

void gp_archive_work_end(gp_archive_work *work)
{
    if (!work) return;
    close_entry(work);
    clean(work, UINT64_MAX);
    if (work->stage >= 0) close(work->stage);
    if (work->root >= 0) close(work->root);
    free(work->wanted);
    free(work);
}

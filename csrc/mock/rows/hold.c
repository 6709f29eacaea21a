/* The lock itself is that of io/journal_lock.h, with the name "server". */
#include "mock/rows/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/journal_lock.h"

struct gp_hold {
    gp_lock_file *lock;
    char *path;
};

static const char name[] = "server";

static int refuse(const char *database, const char *why, char *err, size_t err_size)
{
    snprintf(err, err_size, "cannot use the database %s: %s", database, why);
    return 0;
}

/* The path without links; the file is created if it is missing. A file that exists is not opened:
 * closing a descriptor of it would drop the locks that SQLite holds on it in this process. */
static char *resolve(const char *database)
{
    char *path = realpath(database, NULL);
    int fd;
    if (path || errno != ENOENT) return path;
    fd = open(database, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0) return NULL;
    close(fd);
    return realpath(database, NULL);
}

/* Why a file cannot be a database; NULL: it may be one. SQLite itself would find out only after
 * making files beside it. */
static const char *find_fault(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) return strerror(errno);
    if (S_ISDIR(st.st_mode)) return "it is a directory";
    if (!S_ISREG(st.st_mode)) return "not a regular file";
    /* SQLite's files and our lock stand beside each name: two names would not exclude each other.
     */
    if (st.st_nlink > 1) return "it has a second name (a hard link)";
    if (euidaccess(path, R_OK | W_OK) != 0) return strerror(errno);
    return NULL;
}

/* What the holder has written: "PID" or "PID URL". */
static int refuse_held(const gp_lock_file *lock, const char *database, char *err, size_t err_size)
{
    char text[300], why[400], url[250] = "";
    long pid = 0;
    gp_lock_file_read(lock, text, sizeof text);
    if (sscanf(text, "%ld %249s", &pid, url) < 1 || pid <= 0) {
        return refuse(database, "another process holds it", err, err_size);
    }
    snprintf(why, sizeof why, url[0] ? "process %ld serves it at %s" : "process %ld holds it", pid,
             url);
    return refuse(database, why, err, err_size);
}

static int note(gp_hold *hold, const char *url, char *err, size_t err_size)
{
    char text[300];
    int len = snprintf(text, sizeof text, "%ld %.249s\n", (long)getpid(), url);
    return gp_lock_file_note(hold->lock, text, (size_t)len, err, err_size) == 0;
}

int gp_hold_take(const char *database, gp_hold **out, char *err, size_t err_size)
{
    gp_hold *hold = calloc(1, sizeof *hold);
    char why[300];
    const char *fault;
    int taken = 0;
    *out = NULL;
    if (!hold) return refuse(database, "out of memory", err, err_size);
    hold->path = resolve(database);
    fault = hold->path ? find_fault(hold->path) : strerror(errno);
    if (fault) {
        refuse(database, fault, err, err_size);
        goto failed;
    }
    if (gp_lock_file_open(hold->path, &hold->lock, why, sizeof why) != 0 ||
        (taken = gp_lock_file_take(hold->lock, name, sizeof name - 1, why, sizeof why)) < 0 ||
        (taken && !note(hold, "", why, sizeof why))) {
        refuse(database, why, err, err_size);
        goto failed;
    }
    if (!taken) {
        refuse_held(hold->lock, database, err, err_size);
        goto failed;
    }
    *out = hold;
    return 1;
failed:
    gp_lock_file_close(hold->lock);
    free(hold->path);
    free(hold);
    return 0;
}

const char *gp_hold_path(const gp_hold *hold)
{
    return hold->path;
}

int gp_hold_note_url(gp_hold *hold, const char *url, char *err, size_t err_size)
{
    return note(hold, url, err, err_size);
}

void gp_hold_release(gp_hold *hold)
{
    char ignored[100];
    if (!hold) return;
    /* The text is advice; the lock goes with the descriptor in any case. */
    (void)gp_lock_file_note(hold->lock, "", 0, ignored, sizeof ignored);
    gp_lock_file_close(hold->lock);
    free(hold->path);
    free(hold);
}

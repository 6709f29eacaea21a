#include "io/journal.h"

#include "core/network_file_system.h"
#include "io/clock.h"
#include "io/journal_lock.h"
#include "io/lock_holder.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FIRST_PAUSE   0.001 /* between two attempts at SQLite's lock, doubled up to the longest */
#define LONGEST_PAUSE 0.05
#define STATEMENTS    32

/* A cached prepared statement: the same texts recur. */
typedef struct statement {
    sqlite3_stmt *handle;
    unsigned long long used;
} statement;

struct gp_journal {
    sqlite3 *db;
    char *path;        /* as the caller gave it, for messages */
    double wait;       /* seconds that a statement may wait for another process's write */
    double wait_until; /* on gp_clock_now */
    long holder;
    gp_lock_file *locks; /* NULL for ":memory:" without a file */
    statement statements[STATEMENTS];
    unsigned long long turn;
    sqlite3_stmt *current;
};

static int fail(char *err, size_t err_size, const char *what, const char *why)
{
    snprintf(err, err_size, "%s: %s", what, why);
    return -1;
}

/* Creates the file if necessary, readable by its owner only, and checks its file system. The check
 * does not open the file: closing any descriptor of it would drop the POSIX locks that SQLite's
 * other connections in this process hold on it. O_PATH descriptors do not affect locks. */
static int prepare_file(const char *path, char *err, size_t err_size)
{
    struct statfs fs;
    struct stat st;
    const char *network;
    int result = 0, fd;
    if (mknod(path, S_IFREG | 0600, 0) != 0 && errno != EEXIST)
        return fail(err, err_size, path, strerror(errno));
    fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return fail(err, err_size, path, strerror(errno));
    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0) {
        result = fail(err, err_size, path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        result = fail(err, err_size, path, "not a regular file");
    } else if (euidaccess(path, R_OK | W_OK) != 0) {
        result = fail(err, err_size, path, strerror(errno));
    } else if ((st.st_mode & 077) && chmod(path, 0600) != 0) {
        result =
            fail(err, err_size, path, "readable by other users, and its mode cannot be changed");
    } else if (st.st_nlink > 1) {
        result = fail(err, err_size, path,
                      "has a second name (a hard link), where it could be "
                      "opened as another journal");
    }
    network = result == 0 ? gp_network_file_system((unsigned long)fs.f_type) : NULL;
    if (network) {
        snprintf(err, err_size, "%s: lies on %s; a journal needs a local file system", path,
                 network);
        result = -1;
    }
    close(fd);
    return result;
}

static int execute(sqlite3 *db, const char *sql, const char *path, char *err, size_t err_size)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return 0;
    return fail(err, err_size, path, sqlite3_errmsg(db));
}

static int set_up(sqlite3 *db, const char *sync, const char *path, char *err, size_t err_size)
{
    if (execute(db, "PRAGMA journal_mode = WAL", path, err, err_size) != 0) return -1;
    return execute(db, sync, path, err, err_size);
}

/* Sleeps before the next attempt at a lock, never past the deadline; 0: deadline exceeded. */
static int pause_for_lock(void *ctx, int tries)
{
    const gp_journal *journal = ctx;
    double left = journal->wait_until - gp_clock_now();
    double pause = tries < 6 ? FIRST_PAUSE * (double)(1 << tries) : LONGEST_PAUSE;
    if (!(left > 0)) return 0;
    sqlite3_sleep((int)ceil((pause < left ? pause : left) * 1000));
    return 1;
}

static void start_waiting(gp_journal *journal)
{
    journal->wait_until = gp_clock_now() + journal->wait;
    journal->holder = 0;
}

/* Waiting for a lock timed out: reports its holder. */
static void report_lock(gp_journal *journal, char *err, size_t err_size)
{
    char *real;
    if (!journal->db || sqlite3_errcode(journal->db) != SQLITE_BUSY) return;
    real = realpath(journal->path, NULL);
    journal->holder = real ? gp_lock_holder_of_database(real) : 0;
    free(real);
    if (journal->holder == (long)getpid()) {
        snprintf(err, err_size, "%s: locked by another user of it in this process (pid %ld)",
                 journal->path, journal->holder);
    } else if (journal->holder > 0) {
        snprintf(err, err_size, "%s: locked by process %ld", journal->path, journal->holder);
    } else {
        snprintf(err, err_size, "%s: locked by another process", journal->path);
    }
}

static int open_database(gp_journal *journal, const char *path, int durable, char *err,
                         size_t err_size)
{
    const char *sync = durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, tries = 0;
    if (sqlite3_open_v2(path, &journal->db, flags, NULL) != SQLITE_OK) {
        return fail(err, err_size, path,
                    journal->db ? sqlite3_errmsg(journal->db) : "out of memory");
    }
    sqlite3_busy_handler(journal->db, pause_for_lock, journal);
    start_waiting(journal);
    /* SQLite does not wait while another process switches a new file to WAL: it returns SQLITE_BUSY
     * at once. */
    while (set_up(journal->db, sync, path, err, err_size) != 0) {
        if (sqlite3_errcode(journal->db) != SQLITE_BUSY) return -1;
        if (!pause_for_lock(journal, tries++)) {
            report_lock(journal, err, err_size);
            return -1;
        }
    }
    return 0;
}

int gp_journal_open(const char *path, const gp_journal_options *options, gp_journal **out,
                    long *holder, char *err, size_t err_size)
{
    int in_memory = strcmp(path, ":memory:") == 0;
    gp_journal *journal = calloc(1, sizeof *journal);
    /* A process that opens it through a link must find the same names held. */
    char *real = NULL;
    *out = NULL;
    *holder = 0;
    if (!journal || !(journal->path = strdup(path))) {
        fail(err, err_size, path, "out of memory");
        goto failed;
    }
    journal->wait = options->wait;
    if (!in_memory) {
        if (prepare_file(path, err, err_size) != 0) goto failed;
        real = realpath(path, NULL);
        if (!real) {
            fail(err, err_size, path, strerror(errno));
            goto failed;
        }
    }
    if (open_database(journal, real ? real : path, options->durable, err, err_size) != 0) {
        *holder = journal->holder;
        goto failed;
    }
    if (gp_lock_file_open(real, &journal->locks, err, err_size) != 0) goto failed;
    free(real);
    *out = journal;
    return 0;
failed:
    free(real);
    gp_journal_close(journal);
    return -1;
}

void gp_journal_wait(gp_journal *journal, double seconds)
{
    journal->wait = seconds;
}

long gp_journal_holder(const gp_journal *journal)
{
    return journal->holder;
}

void gp_journal_close(gp_journal *journal)
{
    int i;
    if (!journal) return;
    for (i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(journal->statements[i].handle);
    sqlite3_close(journal->db);
    /* Last: no other process may acquire a name while the last write is in progress. */
    gp_lock_file_close(journal->locks);
    free(journal->path);
    free(journal);
}

/* The statement for this text, from the cache or prepared now; evicts the least recently used. */
static sqlite3_stmt *prepared(gp_journal *journal, const char *sql)
{
    statement *oldest = &journal->statements[0];
    int i;
    for (i = 0; i < STATEMENTS; i++) {
        statement *kept = &journal->statements[i];
        if (kept->handle && strcmp(sqlite3_sql(kept->handle), sql) == 0) {
            kept->used = ++journal->turn;
            return kept->handle;
        }
        if (kept->used < oldest->used) oldest = kept;
    }
    sqlite3_finalize(oldest->handle);
    oldest->handle = NULL;
    oldest->used = 0;
    if (sqlite3_prepare_v2(journal->db, sql, -1, &oldest->handle, NULL) != SQLITE_OK) return NULL;
    oldest->used = ++journal->turn;
    return oldest->handle;
}

static int bind_value(sqlite3_stmt *stmt, int index, const gp_journal_value *value)
{
    switch (value->type) {
    case GP_JOURNAL_INTEGER:
        return sqlite3_bind_int64(stmt, index, value->integer);
    case GP_JOURNAL_REAL:
        return sqlite3_bind_double(stmt, index, value->real);
    case GP_JOURNAL_TEXT:
        return sqlite3_bind_text64(stmt, index, value->text, value->len, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    case GP_JOURNAL_NULL:
    default:
        return sqlite3_bind_null(stmt, index);
    }
}

int gp_journal_start(gp_journal *journal, const char *sql, const gp_journal_value *params,
                     size_t count, char *err, size_t err_size)
{
    sqlite3_stmt *stmt;
    size_t i;
    gp_journal_finish(journal);
    start_waiting(journal);
    stmt = prepared(journal, sql);
    if (!stmt) {
        fail(err, err_size, "journal", sqlite3_errmsg(journal->db));
        report_lock(journal, err, err_size);
        return -1;
    }
    if ((size_t)sqlite3_bind_parameter_count(stmt) < count)
        return fail(err, err_size, "journal", "more values than the statement has parameters");
    for (i = 0; i < count; i++) {
        if (bind_value(stmt, (int)i + 1, &params[i]) != SQLITE_OK)
            return fail(err, err_size, "journal", sqlite3_errmsg(journal->db));
    }
    journal->current = stmt;
    return 0;
}

int gp_journal_next(gp_journal *journal, char *err, size_t err_size)
{
    int result;
    if (!journal->current) return 0;
    result = sqlite3_step(journal->current);
    if (result == SQLITE_ROW) return 1;
    if (result == SQLITE_DONE) {
        gp_journal_finish(journal);
        return 0;
    }
    fail(err, err_size, "journal", sqlite3_errmsg(journal->db));
    report_lock(journal, err, err_size);
    gp_journal_finish(journal);
    return -1;
}

int gp_journal_columns(const gp_journal *journal)
{
    return journal->current ? sqlite3_column_count(journal->current) : 0;
}

const char *gp_journal_name(const gp_journal *journal, int column)
{
    return sqlite3_column_name(journal->current, column);
}

void gp_journal_column(const gp_journal *journal, int column, gp_journal_value *out)
{
    memset(out, 0, sizeof *out);
    switch (sqlite3_column_type(journal->current, column)) {
    case SQLITE_INTEGER:
        out->type = GP_JOURNAL_INTEGER;
        out->integer = sqlite3_column_int64(journal->current, column);
        break;
    case SQLITE_FLOAT:
        out->type = GP_JOURNAL_REAL;
        out->real = sqlite3_column_double(journal->current, column);
        break;
    case SQLITE_NULL:
        out->type = GP_JOURNAL_NULL;
        break;
    default:
        out->type = GP_JOURNAL_TEXT;
        out->text = (const char *)sqlite3_column_text(journal->current, column);
        out->len = (size_t)sqlite3_column_bytes(journal->current, column);
        if (!out->text) out->type = GP_JOURNAL_NULL; /* out of memory: the next step reports it */
    }
}

void gp_journal_finish(gp_journal *journal)
{
    if (!journal->current) return;
    sqlite3_reset(journal->current);
    sqlite3_clear_bindings(journal->current);
    journal->current = NULL;
}

int gp_journal_changes(const gp_journal *journal)
{
    return sqlite3_changes(journal->db);
}

int gp_journal_hold(gp_journal *journal, const char *name, size_t len, char *err, size_t err_size)
{
    return gp_lock_file_take(journal->locks, name, len, err, err_size);
}

long gp_journal_name_holder(const gp_journal *journal, const char *name, size_t len)
{
    return gp_lock_file_holder(journal->locks, name, len);
}

void gp_journal_release(gp_journal *journal, const char *name, size_t len)
{
    gp_lock_file_give(journal->locks, name, len);
}

/* A copy is checked for our tables and for damage before it replaces anything. */
#include "mock/rows/copy.h"

#include <stdio.h>
#include <string.h>

#include "mock/rows/statements.h"

unsigned char *gp_store_serialize(gp_mock *m, size_t *len)
{
    sqlite3_int64 size = 0;
    unsigned char *data = sqlite3_serialize(m->store->db, "main", &size, 0);
    *len = (size_t)size;
    return data;
}

/* Whether the database has the tables and columns that our statements use, and its pages are whole.
 */
static int is_ours(gp_mock *m, sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    const char *text = NULL;
    int i, good = 1;
    for (i = 0; i < GP_STATEMENTS && good; i++) {
        good = gp_statement_prepare(m, db, i, &s);
        sqlite3_finalize(s);
    }
    sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL);
    good = good && sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) <= GP_SCHEMA_VERSION;
    sqlite3_finalize(s);
    if (!good || sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(s) == SQLITE_ROW) text = (const char *)sqlite3_column_text(s, 0);
    good = text && strcmp(text, "ok") == 0;
    sqlite3_finalize(s);
    return good;
}

int gp_store_deserialize(gp_mock *m, const unsigned char *data, size_t len, char *err,
                         size_t err_size)
{
    sqlite3 *from = NULL;
    sqlite3_backup *backup = NULL;
    unsigned char *copy = sqlite3_malloc64(len ? len : 1);
    int good = 0;
    if (copy && len) memcpy(copy, data, len);
    if (copy && sqlite3_open(":memory:", &from) == SQLITE_OK &&
        sqlite3_deserialize(from, "main", copy, (sqlite3_int64)len, (sqlite3_int64)len,
                            SQLITE_DESERIALIZE_FREEONCLOSE) == SQLITE_OK) {
        copy = NULL; /* the connection's from here on */
        good = is_ours(m, from);
    }
    if (good) {
        backup = sqlite3_backup_init(m->store->db, "main", from, "main");
        good = backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
        if (backup) good = sqlite3_backup_finish(backup) == SQLITE_OK && good;
    }
    if (!good) snprintf(err, err_size, "this is not a snapshot");
    sqlite3_free(copy);
    sqlite3_close(from);
    return good;
}

/* One table says which numbers are kept and when each is worth a write. */
#include "mock/rows/numbers.h"

#include <stddef.h>
#include <string.h>

#include "mock/rows/statements.h"

/* When a number is worth writing. */
enum occasion {
    CHANGED,   /* whenever it has changed */
    ROWS_GONE, /* once rows are deleted: until then it follows from the rows (last id + 1) */
    TOLD       /* where webhooks or replica lag could otherwise report an event twice */
};

static const struct {
    const char *name;
    size_t at;
    enum occasion when;
} numbers[] = {
    {"next_pipeline", offsetof(gp_mock, next_pipeline), ROWS_GONE},
    {"next_job", offsetof(gp_mock, next_job), ROWS_GONE},
    {"next_environment", offsetof(gp_mock, next_environment), ROWS_GONE},
    {"next_deployment", offsetof(gp_mock, next_deployment), ROWS_GONE},
    {"next_trigger", offsetof(gp_mock, next_trigger), ROWS_GONE},
    {"next_token", offsetof(gp_mock, next_token), ROWS_GONE},
    {"next_variable", offsetof(gp_mock, next_variable), ROWS_GONE},
    {"next_scenario", offsetof(gp_mock, next_scenario), ROWS_GONE},
    {"next_fault", offsetof(gp_mock, next_fault), ROWS_GONE},
    {"next_hook", offsetof(gp_mock, next_hook), ROWS_GONE},
    {"next_delivery", offsetof(gp_mock, outbox.next_id), ROWS_GONE},
    {"next_order", offsetof(gp_mock, outbox.next_order), ROWS_GONE},
    {"next_late", offsetof(gp_mock, next_delayed), ROWS_GONE},
    {"clock_virtual", offsetof(gp_mock, clock_virtual), CHANGED},
    {"clock_offset", offsetof(gp_mock, clock_offset), CHANGED},
    {"clock_held", offsetof(gp_mock, clock_held), CHANGED},
    {"advanced", offsetof(gp_mock, advanced), TOLD},
    {"requests", offsetof(gp_mock, requests_kept), CHANGED},
    {"lag", offsetof(gp_mock, lag_kept), CHANGED},
};

_Static_assert(sizeof numbers / sizeof *numbers == GP_NUMBERS,
               "the store has room for each number");

static int64_t *number_at(gp_mock *m, int i)
{
    return (int64_t *)(void *)((char *)m + numbers[i].at);
}

void gp_numbers_write(gp_mock *m)
{
    gp_store *store = m->store;
    int i;
    for (i = 0; i < GP_NUMBERS; i++) {
        int64_t value = *number_at(m, i);
        sqlite3_stmt *s;
        if (store->known[i] && store->kept[i] == value) continue;
        if (numbers[i].when == ROWS_GONE && !store->all) continue;
        if (numbers[i].when == TOLD && !store->all && !m->hooks.count && !m->lag_kept) continue;
        s = gp_statement_ready(store, GP_PUT_STATE);
        sqlite3_bind_text(s, 1, numbers[i].name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, value);
        gp_statement_run(store, s);
        store->kept[i] = value;
        store->known[i] = 1;
    }
}

void gp_numbers_read(gp_mock *m)
{
    gp_store *store = m->store;
    sqlite3_stmt *s = NULL;
    int i;
    memset(store->known, 0, sizeof store->known);
    if (sqlite3_prepare_v2(store->db, "SELECT name, value FROM state", -1, &s, NULL) != SQLITE_OK)
        return;
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        for (i = 0; i < GP_NUMBERS && name; i++) {
            if (strcmp(numbers[i].name, name) != 0) continue;
            *number_at(m, i) = store->kept[i] = sqlite3_column_int64(s, 1);
            store->known[i] = 1;
        }
    }
    sqlite3_finalize(s);
}

/* See commit.h: a failed commit falls back to reading the database again. */
#include "mock/rows/commit.h"

#include "mock/rows/reload.h"
#include "mock/rows/store.h"

static void reload(gp_mock *m)
{
    char err[200];
    m->memory_failed = 0;
    m->spoiled = !gp_mock_reload(m, err, sizeof err);
    m->behind = 0;
    m->reloads++;
}

int gp_commit(gp_mock *m)
{
    int acted = m->acted, whole = !m->spoiled && !m->memory_failed;
    int64_t before = m->committed;
    m->acted = 0;
    if (whole && !m->behind && gp_store_flush(m)) {
        m->committed = gp_store_writes(m);
        if (acted && m->committed != before) m->trouble = GP_STORE_GOOD;
        return 1;
    }
    gp_store_rollback(m);
    if (whole && !acted) {
        m->behind = 1;
        return 1;
    }
    if (whole || !m->lost) m->refusal = whole ? gp_store_why(m) : GP_STORE_GOOD;
    reload(m);
    m->lost |= m->deferred;
    return 0;
}

int gp_commit_begin_write(gp_mock *m)
{
    if (!gp_store_lock(m)) return 0;
    if (m->behind) reload(m);
    m->acted = 1;
    return 1;
}

void gp_commit_begin_read(gp_mock *m)
{
    if (m->behind && gp_store_lock(m)) reload(m);
}

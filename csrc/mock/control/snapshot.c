/* A snapshot is the database itself, in hexadecimal, with the simulated time. */
#include "mock/control/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "mock/control/clock.h"
#include "mock/control/world.h"
#include "mock/request/requests.h"
#include "mock/rows/copy.h"
#include "mock/rows/save.h"
#include "mock/rows/store.h"
#include "mock/rows/reload.h"

int gp_mock_reset(gp_call *call)
{
    gp_mock *m = call->m;
    char err[200];
    if (!m->allow_reset) {
        return gp_fail(call, 403, "403 Forbidden - reset is off; start with MOCK_ALLOW_RESET=1");
    }
    gp_store_reset(m);
    if (!gp_store_flush(m) || !gp_mock_reload(m, err, sizeof err)) {
        m->spoiled = 1;
        return gp_fail_memory(call);
    }
    if (m->world && !gp_world_populate(m, err, sizeof err)) return gp_fail_memory(call);
    m->clock_offset = 0;
    m->clock_held = m->clock_virtual ? m->now : 0;
    gp_store_begin(m);
    gp_requests_clear(m);
    gp_write_open(&call->out->body, NULL, '{');
    gp_write_string(&call->out->body, "message", "200 OK");
    gp_write_close(&call->out->body, '}');
    return 200;
}

int gp_get_snapshot(gp_call *call)
{
    gp_mock *m = call->m;
    size_t len;
    unsigned char *data;
    gp_buf *buf = &call->out->body;
    gp_store_everything(m);
    if (!gp_store_flush(m)) {
        m->spoiled = 1;
        return gp_fail_memory(call);
    }
    data = gp_store_serialize(m, &len);
    if (!data) return gp_fail_memory(call);
    gp_write_open(buf, NULL, '{');
    gp_write_time(buf, "taken_at", m->now);
    gp_write_integer(buf, "time", m->now);
    gp_write_hex(buf, "database", data, len);
    gp_write_close(buf, '}');
    sqlite3_free(data);
    return 200;
}

/* Replaces the database; if its rows cannot be read, restores the previous one. */
static int restore(gp_mock *m, const void *data, size_t size, char *err, size_t err_size)
{
    char ignored[200];
    size_t len;
    gp_ms held = m->clock_held;
    unsigned char *before;
    int good = 0;
    if (!gp_store_flush(m) || !(before = gp_store_serialize(m, &len))) {
        snprintf(err, err_size, "out of memory");
        return 0;
    }
    if (gp_store_deserialize(m, data, size, err, err_size)) {
        m->clock_held = 0;
        good = gp_mock_reload(m, err, err_size);
        if (!good) {
            gp_store_deserialize(m, before, len, ignored, sizeof ignored);
            gp_mock_reload(m, ignored, sizeof ignored);
            m->clock_held = held;
        }
    }
    sqlite3_free(before);
    return good;
}

int gp_put_snapshot(gp_call *call)
{
    gp_mock *m = call->m;
    int64_t time = gp_call_integer(call, "time", GP_MS_NONE);
    char err[200];
    size_t size = 0;
    const char *data = gp_json_hex(call->arena, gp_json_get(call->params, "database"), &size);
    if (call->arena->failed) return gp_fail_memory(call);
    if (!data || time < 0) return gp_fail_error(call, 400, "database is invalid");
    if (!restore(m, data, size, err, sizeof err)) return gp_fail_error(call, 400, err);
    /* The clock goes back to the moment of the snapshot and runs on from there. */
    m->now = m->clock_held = time;
    m->clock_offset = time - m->caller;
    gp_store_begin(m);
    return gp_get_clock(call);
}

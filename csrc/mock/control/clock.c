/* Reads and moves the simulated clock. */
#include "mock/control/clock.h"

#include <string.h>

#include "mock/engine/advance.h"
#include "mock/rows/store.h"

int gp_get_clock(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_mock *m = call->m;
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "mode", m->clock_virtual ? "virtual" : "real");
    gp_write_time(buf, "now", m->now);
    gp_write_seconds(buf, "epoch", m->now);
    gp_write_close(buf, '}');
    return 200;
}

/* The requested time: ISO 8601 or seconds since 1970. GP_MS_NONE for neither. */
static gp_ms target_time(const gp_json *value)
{
    if (value->type == GP_JSON_STRING) return gp_ms_parse(value->string);
    if (value->type != GP_JSON_INTEGER && value->type != GP_JSON_NUMBER) return GP_MS_NONE;
    return value->number < 0 ? GP_MS_NONE : gp_ms_from_seconds(value->number);
}

/* A parameter that is present and not null. */
static const gp_json *said(const gp_call *call, const char *name)
{
    const gp_json *value = gp_json_get(call->params, name);
    return value && value->type != GP_JSON_NULL ? value : NULL;
}

int gp_set_clock(gp_call *call)
{
    gp_mock *m = call->m;
    const gp_json *set = said(call, "set"), *advance = said(call, "advance");
    const char *mode = gp_call_string(call, "mode");
    gp_ms before = m->now, at = before;
    if (!set && !advance && !mode) {
        return gp_fail_error(
            call, 400, "advance, set, mode are missing, at least one parameter must be provided");
    }
    if (set) at = target_time(set);
    if (at == GP_MS_NONE) return gp_fail_error(call, 400, "set is invalid");
    if (advance && advance->number < 0)
        return gp_fail_error(call, 400, "advance does not have a valid value");
    if (advance) at += gp_ms_from_seconds(advance->number);
    if (at < m->now)
        return gp_fail(call, 400, "400 Bad request - the clock does not run backwards");
    if (at >= GP_MS_LAST)
        return gp_fail(call, 400, "400 Bad request - the clock ends before the year 9893");
    if (mode) m->clock_virtual = strcmp(mode, "virtual") == 0;
    m->now = m->clock_held = at;
    m->clock_offset = at - m->caller;
    gp_store_begin(m);
    gp_get_clock(call);
    if (m->delayed.count) {
        /* Delayed requests are carried out at their own time, before the next request. */
        m->now = before;
    } else {
        gp_engine_advance(m);
    }
    return 200;
}

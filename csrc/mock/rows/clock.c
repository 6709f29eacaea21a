/* The first request of a virtual clock sets it to the caller's time. */
#include "mock/rows/clock.h"

#include "mock/rows/store.h"

void gp_clock_set(gp_mock *m, double now)
{
    gp_ms at;
    m->caller = gp_ms_from_seconds(now);
    if (m->clock_virtual && !m->clock_held) {
        m->clock_held = m->caller;
        gp_store_begin(m);
    }
    at = m->clock_virtual ? m->clock_held : m->caller + m->clock_offset;
    if (at > m->now) m->now = at;
}

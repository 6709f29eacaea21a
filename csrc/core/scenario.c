#include "core/scenario.h"

gp_status gp_scenario_end(const gp_scenario *scenario, const gp_scenario *override,
                          double created_at, double *end)
{
    static const gp_scenario nothing;
    const gp_scenario *row = scenario ? scenario : &nothing;
    const gp_scenario *own = override ? override : &nothing;
    gp_status terminal = own->terminal != GP_STATUS_NONE ? own->terminal : row->terminal;
    int has_after = own->has_after || row->has_after;
    double after = own->has_after ? own->after : row->after;

    if (own->never_complete || row->never_complete) return GP_STATUS_NONE;
    if (!has_after && terminal == GP_STATUS_NONE) return GP_STATUS_NONE;
    *end = created_at + (has_after ? after : 0);
    return terminal != GP_STATUS_NONE ? terminal : GP_STATUS_SUCCESS;
}

gp_status gp_scenario_status(const gp_scenario *scenario, const gp_scenario *override,
                             double created_at, double now)
{
    double end = 0;
    gp_status terminal = gp_scenario_end(scenario, override, created_at, &end);
    return terminal != GP_STATUS_NONE && now >= end - 5e-4 ? terminal : GP_STATUS_RUNNING;
}

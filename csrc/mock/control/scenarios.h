/*
 * /_mock/scenarios.
 */
#ifndef GP_MOCK_CONTROL_SCENARIOS_H
#define GP_MOCK_CONTROL_SCENARIOS_H

#include "mock/request/route.h"

gp_handler gp_list_scenarios, gp_get_scenario, gp_create_scenario, gp_put_scenario,
    gp_delete_scenario;

#endif

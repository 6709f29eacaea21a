/*
 * /_mock/hooks: registering webhook targets and reading their deliveries.
 */
#ifndef GP_MOCK_CONTROL_HOOKS_H
#define GP_MOCK_CONTROL_HOOKS_H

#include "mock/request/route.h"

gp_handler gp_list_hooks, gp_create_hook, gp_get_hook, gp_put_hook, gp_delete_hook, gp_clear_hooks,
    gp_list_deliveries, gp_test_hook, gp_resend_delivery;

#endif

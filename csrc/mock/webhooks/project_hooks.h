/*
 * The endpoints of project webhooks.
 */
#ifndef GP_MOCK_WEBHOOKS_PROJECT_HOOKS_H
#define GP_MOCK_WEBHOOKS_PROJECT_HOOKS_H

#include "mock/request/route.h"

gp_handler gp_list_project_hooks, gp_get_project_hook, gp_create_project_hook, gp_put_project_hook,
    gp_delete_project_hook, gp_list_hook_events, gp_resend_hook_event, gp_test_project_hook;

#endif

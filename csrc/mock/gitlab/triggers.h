/*
 * Trigger tokens: rows of a project, their endpoints, and the endpoint that they are for.
 */
#ifndef GP_MOCK_GITLAB_TRIGGERS_H
#define GP_MOCK_GITLAB_TRIGGERS_H

#include "mock/request/route.h"

gp_handler gp_run_trigger, gp_list_triggers, gp_get_trigger, gp_create_trigger, gp_update_trigger,
    gp_delete_trigger;

/* Authorizes a call of the trigger endpoint, which accepts a trigger token of the project; finds
 * the project too. 0, or the status of the error written. */
int gp_trigger_auth(gp_call *call);

/* Adds the trigger tokens that a world lists for a project. 0 when memory ran out. */
int gp_triggers_seed(gp_mock *m, gp_project *project);

extern const gp_entity gp_trigger_entity;

#endif

/*
 * The log of a job.
 */
#ifndef GP_MOCK_GITLAB_TRACE_H
#define GP_MOCK_GITLAB_TRACE_H

#include "mock/request/route.h"

gp_handler gp_get_trace;

#endif

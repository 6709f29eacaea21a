/*
 * /_mock/requests: the last requests received, for the assertions of tests.
 */
#ifndef GP_MOCK_CONTROL_REQUESTS_H
#define GP_MOCK_CONTROL_REQUESTS_H

#include "mock/request/route.h"

gp_handler gp_list_requests, gp_clear_requests;

#endif

/*
 * Test reports of a pipeline.
 */
#ifndef GP_MOCK_GITLAB_REPORTS_H
#define GP_MOCK_GITLAB_REPORTS_H

#include "mock/request/route.h"

gp_handler gp_test_report, gp_test_report_summary;

#endif

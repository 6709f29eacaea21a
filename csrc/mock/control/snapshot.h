/*
 * /_mock/snapshot and /_mock/reset: the whole state at once.
 */
#ifndef GP_MOCK_CONTROL_SNAPSHOT_H
#define GP_MOCK_CONTROL_SNAPSHOT_H

#include "mock/request/route.h"

gp_handler gp_get_snapshot, gp_put_snapshot, gp_mock_reset;

#endif

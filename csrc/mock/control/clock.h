/*
 * /_mock/clock.
 */
#ifndef GP_MOCK_CONTROL_CLOCK_H
#define GP_MOCK_CONTROL_CLOCK_H

#include "mock/request/route.h"

gp_handler gp_get_clock, gp_set_clock;

#endif

/*
 * Numbers of the mock that belong to no row: counters and the clock, kept in the table `state`.
 */
#ifndef GP_MOCK_ROWS_NUMBERS_H
#define GP_MOCK_ROWS_NUMBERS_H

#include "mock/rows/state.h"

/* Writes those that have changed and cannot be derived from the rows; every one that has changed
 * where the transaction writes everything. */
void gp_numbers_write(gp_mock *m);

void gp_numbers_read(gp_mock *m);

#endif

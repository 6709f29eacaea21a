/*
 * Reading the database back into memory.
 */
#ifndef GP_MOCK_ROWS_LOAD_H
#define GP_MOCK_ROWS_LOAD_H

#include "mock/rows/state.h"

/* Reads every row into an empty mock, those of m->entities in their order. 0 with a message. */
int gp_store_load(gp_mock *m, char *err, size_t err_size);

#endif

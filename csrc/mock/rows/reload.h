/*
 * Every row at once.
 */
#ifndef GP_MOCK_RELOAD_H
#define GP_MOCK_RELOAD_H

#include "mock/rows/state.h"

/* Frees every row (scenarios included) and forgets every world. */
void gp_mock_clear(gp_mock *m);

/* Frees every row and reads the database again. 0 with a message. */
int gp_mock_reload(gp_mock *m, char *err, size_t err_size);

#endif

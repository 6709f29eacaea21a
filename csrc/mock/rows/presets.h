/*
 * The scenarios that are always there.
 */
#ifndef GP_MOCK_ROWS_PRESETS_H
#define GP_MOCK_ROWS_PRESETS_H

#include "mock/rows/state.h"

/* Whether a scenario with this id is a preset. */
int gp_scenario_is_preset(int64_t id);

/* Writes every preset to a new database. */
void gp_presets_write(gp_store *store);

#endif

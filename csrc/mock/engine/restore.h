/*
 * How rows that were read back from the database take their place in the engine again.
 */
#ifndef GP_MOCK_ENGINE_RESTORE_H
#define GP_MOCK_ENGINE_RESTORE_H

#include "mock/rows/entity.h"

extern const gp_restore gp_engine_restore;

#endif

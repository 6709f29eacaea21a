/*
 * Puts rows that were read from the database back into the engine.
 */
#ifndef GP_MOCK_ENGINE_RESTORE_H
#define GP_MOCK_ENGINE_RESTORE_H

#include "mock/rows/entity.h"

extern const gp_restore gp_engine_restore;

#endif

/*
 * /_mock/world, and loading a world.
 */
#ifndef GP_MOCK_CONTROL_WORLD_H
#define GP_MOCK_CONTROL_WORLD_H

#include "mock/request/route.h"

gp_handler gp_get_world, gp_put_world;

/* Makes a world the current one and adds what it lists; the current world again changes nothing. 0
 * with a message. */
int gp_mock_use_world(gp_mock *m, const char *json, size_t len, char *err, size_t err_size);

/* Adds what the current world lists beside its projects: trigger tokens, variables, users, tokens
 * and faults. 0 with a message. */
int gp_world_populate(gp_mock *m, char *err, size_t err_size);

#endif

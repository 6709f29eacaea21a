/*
 * Projects by what identifies them. They come to life when they are first named, unless a world
 * says which ones exist.
 */
#ifndef GP_MOCK_PROJECTS_H
#define GP_MOCK_PROJECTS_H

#include "mock/rows/state.h"

/* NULL: there is no such project. */
gp_project *gp_project_by_id(gp_mock *m, int64_t id);
gp_project *gp_project_by_path(gp_mock *m, const char *path);

/* The project that a path segment names: a number or a full path. */
gp_project *gp_project_find(gp_mock *m, const char *id);

/* Adds a new project with that id (0: a free one) and path. NULL when memory ran out. */
gp_project *gp_project_add(gp_mock *m, int64_t id, const char *path);

#endif

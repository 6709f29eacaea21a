/*
 * The endpoints of artifacts: archives, single files, the tree.
 */
#ifndef GP_MOCK_GITLAB_ARTIFACTS_H
#define GP_MOCK_GITLAB_ARTIFACTS_H

#include "mock/request/route.h"

gp_handler gp_get_artifact_file, gp_keep_artifacts, gp_delete_artifacts, gp_latest_artifact_file,
    gp_get_archive, gp_latest_archive, gp_artifact_tree, gp_delete_project_artifacts;

#endif

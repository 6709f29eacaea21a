/*
 * Artifacts as a zip archive: files stored as they are, written from the world's table of names and
 * contents. The bytes follow from the files alone.
 */
#ifndef GP_MOCK_GITLAB_ARCHIVE_H
#define GP_MOCK_GITLAB_ARCHIVE_H

#include "mock/rows/state.h"

void gp_archive_write(gp_buf *buf, const gp_json *files);

#endif

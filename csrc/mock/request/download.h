/*
 * Bodies that are files.
 */
#ifndef GP_MOCK_REQUEST_DOWNLOAD_H
#define GP_MOCK_REQUEST_DOWNLOAD_H

#include "mock/request/call.h"

/* Sends the body as a download of that name: a strong ETag, 304, Range. Returns the status. */
int gp_send_bytes(gp_call *call, const char *type, const char *name);

#endif

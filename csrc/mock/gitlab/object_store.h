/*
 * The object store behind the artifacts: where a world or a fault rule sets `object_storage`, a
 * request for an archive is redirected to a signed URL of another origin that is valid for five
 * minutes. Like the stores of real installations it does not know GitLab tokens, and it refuses a
 * request that carries one, since the URL is already signed.
 */
#ifndef GP_MOCK_GITLAB_OBJECT_STORE_H
#define GP_MOCK_GITLAB_OBJECT_STORE_H

#include "mock/request/call.h"

struct gp_job;

/* Whether the archive of this request is in the store. */
int gp_object_store_holds(const gp_call *call);

/* 302 with the signed URL of the job's archive. */
int gp_object_store_redirect(gp_call *call, const gp_job *job);

/* Whether the request is addressed to the store. */
int gp_object_store_is_target(const gp_call *call);

/* Responds as the store. */
int gp_object_store_respond(gp_call *call, const char *path, const char *query);

#endif

/*
 * The object store behind the artifacts: where a world says `object_storage`, or a rule does for
 * what it matches, an archive is not sent but lies at a signed address of another origin that is
 * good for five minutes. Like the stores of real installations it knows no GitLab token and refuses
 * a request that carries one: the address is signed already.
 */
#ifndef GP_MOCK_GITLAB_OBJECT_STORE_H
#define GP_MOCK_GITLAB_OBJECT_STORE_H

#include "mock/request/call.h"

struct gp_job;

/* Does this request's archive lie there? */
int gp_object_store_holds(const gp_call *call);

/* 302 with the signed address of the job's archive. */
int gp_object_store_redirect(gp_call *call, const gp_job *job);

/* Is the request for the store? */
int gp_object_store_is_target(const gp_call *call);

/* Answers as the store. */
int gp_object_store_respond(gp_call *call, const char *path, const char *query);

#endif

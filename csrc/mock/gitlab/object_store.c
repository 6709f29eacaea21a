/* A signature is a hash of the seed, the job and the time of signing, written in the form of S3. */
#include "mock/gitlab/object_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mock/request/answer.h"
#include "mock/gitlab/archive.h"
#include "mock/request/params.h"
#include "mock/gitlab/json_views.h"
#include "mock/request/download.h"

enum { VALID_SECONDS = 300 };

/* Paths of the store begin with this; the job's id and the archive's name follow. */
static const char prefix[] = "/gitlab-artifacts/";
static const char suffix[] = "/artifacts.zip";

/* The store's origin for this client: a served simulation has two names on its own machine
 * (127.0.0.1 and localhost), and the one that the client does not use is another origin. NULL where
 * there is no second name. */
static const char *origin(const gp_call *call)
{
    const char *host = gp_http_request_header(call->in, "Host"), *port;
    if (!host) return "https://storage.example.com";
    port = strrchr(host, ':');
    if (!port || strchr(port, ']')) port = "";
    if (strncasecmp(host, "localhost", 9) == 0 && host + 9 == (*port ? port : host + strlen(host)))
        return gp_arena_print(call->arena, "http://127.0.0.1%s", port);
    if (strncmp(host, "127.0.0.1", 9) == 0 || strncmp(host, "[::1]", 5) == 0)
        return gp_arena_print(call->arena, "http://localhost%s", port);
    return NULL;
}

int gp_object_store_holds(const gp_call *call)
{
    const gp_mock *m = call->m;
    int all = m->world && gp_json_get_boolean(m->world->root, "object_storage", 0);
    return (call->redirect || gp_json_get_boolean(call->project->def, "object_storage", all)) &&
           origin(call);
}

int gp_object_store_is_target(const gp_call *call)
{
    return strncmp(call->in->target, prefix, sizeof prefix - 1) == 0;
}

static uint64_t signature(const gp_mock *m, int64_t job_id, int64_t signed_at)
{
    return gp_mock_hash(m, "signature", (uint64_t)job_id * UINT64_C(1000003) + (uint64_t)signed_at);
}

int gp_object_store_redirect(gp_call *call, const gp_job *job)
{
    const gp_mock *m = call->m;
    int64_t at = m->now / 1000;
    char *location = gp_arena_print(
        call->arena, "%s%s%lld%s?X-Amz-Date=%lld&X-Amz-Expires=%d&X-Amz-Signature=%016llx",
        origin(call), prefix, (long long)job->id, suffix, (long long)at, VALID_SECONDS,
        (unsigned long long)signature(m, job->id, at));
    if (!location) return gp_fail_memory(call);
    gp_http_response_header(call->out, "Location", location);
    gp_answer_type(call, "text/plain");
    gp_buf_addf(&call->out->body, "This resource has been moved temporarily to %s.", location);
    return 302;
}

static int refuse(gp_call *call, int status, const char *code, const char *why)
{
    gp_answer_type(call, "application/xml");
    gp_buf_addf(&call->out->body,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                "<Message>%s</Message></Error>\n",
                code, why);
    return status;
}

static int carries_token(const gp_call *call)
{
    static const char *const names[] = {"Authorization", "PRIVATE-TOKEN", "JOB-TOKEN"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        if (gp_http_request_header(call->in, names[i])) return 1;
    }
    return gp_json_get(call->params, "private_token") || gp_json_get(call->params, "access_token");
}

int gp_object_store_respond(gp_call *call, const char *path, const char *query)
{
    gp_mock *m = call->m;
    const gp_json *files = NULL;
    const gp_job *job = NULL;
    char *end, want[20];
    int64_t at;
    call->params = gp_json_new(call->arena, GP_JSON_OBJECT);
    if (query && !gp_params_form(call->arena, call->params, query, strlen(query)))
        return refuse(call, 400, "InvalidRequest", "The query cannot be read.");
    if (strcmp(call->in->method, "GET") != 0 && strcmp(call->in->method, "HEAD") != 0)
        return refuse(call, 405, "MethodNotAllowed", "The method is not allowed here.");
    if (carries_token(call)) {
        return refuse(call, 400, "InvalidArgument",
                      "Only one auth mechanism allowed; the address is signed already.");
    }
    if (strncmp(path, prefix, sizeof prefix - 1) == 0) {
        int64_t id = strtoll(path + sizeof prefix - 1, &end, 10);
        if (strcmp(end, suffix) == 0) job = gp_ids_get(&m->jobs, id);
    }
    if (!job) return refuse(call, 404, "NoSuchKey", "The key does not exist.");
    at = strtoll(gp_json_get_string(call->params, "X-Amz-Date", "0"), NULL, 10);
    snprintf(want, sizeof want, "%016llx", (unsigned long long)signature(m, job->id, at));
    if (strcmp(gp_json_get_string(call->params, "X-Amz-Signature", ""), want) != 0)
        return refuse(call, 403, "SignatureDoesNotMatch", "The signature does not match.");
    if (m->now / 1000 > at + VALID_SECONDS)
        return refuse(call, 403, "AccessDenied", "Request has expired.");
    files = gp_job_files(m, job);
    if (!files) return refuse(call, 404, "NoSuchKey", "The key does not exist.");
    gp_archive_write(&call->out->body, files);
    return gp_send_bytes(call, "application/zip", "artifacts.zip");
}

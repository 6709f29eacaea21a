/* The head of the document and its shared components; the other parts are files of their own. */
#include "mock/control/openapi.h"

#include "mock/control/openapi_paths.h"
#include "mock/control/openapi_responses.h"
#include "mock/control/openapi_schemas.h"
#include "mock/control/openapi_webhooks.h"

static const struct {
    const char *name, *about;
} tags[] = {
    {"pipelines", "Creating, reading and controlling pipelines."},
    {"triggers", "Trigger tokens, and creating pipelines with them."},
    {"jobs", "Jobs and their logs."},
    {"artifacts", "Files that jobs upload."},
    {"variables", "CI/CD variables of a project."},
    {"environments", "Places to deploy to."},
    {"deployments", "Deployments to environments."},
    {"hooks", "Webhooks of a project, as GitLab has them."},
    {"projects", "Projects."},
    {"tokens", "The token of the request."},
    {"server", "The server and the caller."},
    {"mock",
     "Controlling the simulation: scenarios, time, faults, webhooks. Only with the static token."},
    {"webhooks", "Requests that the simulation sends to the targets of /_mock/hooks."},
    {"contract", "This document and its pages. No token is needed."},
};

static const char contact[] = "{\"name\":\"gitlab_pipelines\"}";
static const char license[] = "{\"name\":\"MIT\",\"identifier\":\"MIT\"}";

static const char about_document[] =
    "A simulated GitLab for testing clients of GitLab pipelines. It responds as GitLab does, its "
    "time can be held and moved, and it can be made to fail in the ways in which a real GitLab "
    "fails.\n\nEvery path is served with and without the prefix /api/v4. Body parameters may be "
    "sent as JSON, as a form (variables[NAME]=value) or as multipart form data, and in the query "
    "as well. A project is named by its id or by its full path with each slash as %2F.";

static void document_head(gp_buf *buf)
{
    size_t i;
    gp_write_string(buf, "openapi", "3.1.0");
    gp_write_open(buf, "info", '{');
    gp_write_string(buf, "title", "Simulated GitLab");
    gp_write_string(buf, "version", "4");
    gp_write_string(buf, "summary",
                    "Pipelines, jobs, triggers, artifacts, and the simulation itself.");
    gp_write_string(buf, "description", about_document);
    gp_write_raw(buf, "contact", contact, sizeof contact - 1);
    gp_write_raw(buf, "license", license, sizeof license - 1);
    gp_write_close(buf, '}');
    gp_buf_adds(buf, ",\"servers\":[{\"url\":\"/api/v4\",\"description\":\"as on GitLab\"},"
                     "{\"url\":\"/\",\"description\":\"without the prefix\"}]");
    gp_write_open(buf, "tags", '[');
    for (i = 0; i < sizeof tags / sizeof *tags; i++) {
        gp_write_open(buf, NULL, '{');
        gp_write_string(buf, "name", tags[i].name);
        gp_write_string(buf, "description", tags[i].about);
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, ']');
}

static void scheme(gp_buf *buf, const char *key, const char *where, const char *name,
                   const char *about)
{
    gp_write_open(buf, key, '{');
    gp_write_string(buf, "type", where ? "apiKey" : "http");
    if (where) {
        gp_write_string(buf, "in", where);
        gp_write_string(buf, "name", name);
    } else {
        gp_write_string(buf, "scheme", name);
    }
    gp_write_string(buf, "description", about);
    gp_write_close(buf, '}');
}

static void components(gp_call *call, gp_buf *buf)
{
    gp_write_open(buf, "components", '{');
    gp_write_open(buf, "securitySchemes", '{');
    scheme(buf, "privateToken", "header", "PRIVATE-TOKEN", "the static token, or one of the world");
    scheme(buf, "bearer", NULL, "bearer", "the same as Authorization: Bearer");
    scheme(buf, "tokenParameter", "query", "private_token", "the same in the query");
    scheme(buf, "jobToken", "header", "JOB-TOKEN", "the token of a running CI job");
    gp_write_close(buf, '}');
    gp_openapi_shared_responses(buf);
    gp_openapi_schemas(call, buf);
    gp_write_close(buf, '}');
}

int gp_get_openapi(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    document_head(buf);
    gp_openapi_paths(call, buf);
    gp_openapi_webhooks(buf);
    components(call, buf);
    gp_write_close(buf, '}');
    return 200;
}

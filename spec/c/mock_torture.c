/*
 * Makes every allocation of the simulated GitLab fail in turn, during one conversation: the n-th
 * one in run n. Whatever fails, the response is at worst a 500, later requests succeed, and every
 * block is freed. Linked with --wrap, so that only the project's own allocations fail.
 *
 * usage: mock_torture STEP    (1: every allocation; 7: every seventh)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/mock.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
char *__wrap_strdup(const char *text);

static long countdown = -1;
static int failed;

static int refuse(void)
{
    if (countdown < 0 || countdown-- > 0) return 0;
    failed = 1;
    return 1;
}

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return refuse() ? NULL : __real_realloc(ptr, size);
}

char *__wrap_strdup(const char *text)
{
    return refuse() ? NULL : __real_strdup(text);
}

static const char world[] =
    "{\"lag\":1,\"throttle\":{\"limit\":1000,\"creations\":25},\"tokens\":[{\"token\":\"glpat-"
    "0123456789\"}],"
    "\"projects\":{\"a/b\":{\"id\":5,\"created\":0,\"name\":\"run "
    "$A\",\"trigger_tokens\":[\"glptt-1\"],"
    "\"variables\":{\"V\":\"1\"},\"jobs\":[{\"name\":\"x\",\"retry\":1,\"flaky\":0.5,\"log\":"
    "\"1\\n2\\n\","
    "\"artifacts\":{\"f/a.txt\":\"text\"},\"tests\":[{\"name\":\"t\"}],\"resource_group\":\"g\"},"
    "{\"name\":\"d\",\"stage\":\"z\",\"manual\":true,\"environment\":\"production\"},"
    "{\"name\":\"c\",\"stage\":\"z\",\"trigger\":{\"child\":{\"jobs\":[{\"name\":\"y\"}]},"
    "\"strategy\":\"mirror\"}}]}}}";

static const char *const requests[][3] = {
    {"POST", "/projects/5/hooks",
     "{\"url\":\"http://x.test/\",\"name\":\"n\",\"token\":\"t\",\"pipeline_events\":true,"
     "\"job_events\":true,\"push_events_branch_filter\":\"main\"}"},
    {"POST", "/projects/5/pipeline",
     "{\"ref\":\"main\",\"variables\":[{\"key\":\"A\",\"value\":\"1\"}]}"},
    {"POST", "/projects/a%2Fb/trigger/pipeline",
     "{\"ref\":\"main\",\"token\":\"glptt-1\",\"variables\":{\"B\":\"2\"}}"},
    {"GET", "/projects/5/pipelines?order_by=updated_at&per_page=1", ""},
    {"GET", "/projects/5/pipelines/1", ""},
    {"GET", "/projects/5/pipelines/1/jobs?include_retried=true", ""},
    {"GET", "/projects/5/pipelines/1/trigger_jobs", ""},
    {"GET", "/projects/5/jobs?pagination=keyset&order_by=id&per_page=1", ""},
    {"GET", "/projects/5/jobs/1/trace", ""},
    {"POST", "/projects/5/jobs/2/play",
     "{\"job_variables_attributes\":[{\"key\":\"K\",\"value\":\"v\"}]}"},
    {"GET", "/projects/5/jobs/1/artifacts", ""},
    {"GET", "/projects/5/jobs/1/artifacts/tree?recursive=true", ""},
    {"GET", "/projects/5/pipelines/1/test_report", ""},
    {"POST", "/projects/5/jobs/1/retry", "{}"},
    {"POST", "/projects/5/pipelines/1/cancel", "{}"},
    {"POST", "/projects/5/pipelines/1/retry", "{}"},
    {"PUT", "/projects/5/pipelines/1/metadata", "{\"name\":\"n\"}"},
    {"GET", "/projects/5/environments", ""},
    {"POST", "/projects/5/environments", "{\"name\":\"review/x\"}"},
    {"POST", "/projects/5/environments/1/stop", "{}"},
    {"GET", "/projects/5/deployments", ""},
    {"POST", "/projects/5/variables", "{\"key\":\"K\",\"value\":\"v\"}"},
    {"GET", "/projects/5/variables", ""},
    {"DELETE", "/projects/5/variables/K", ""},
    {"POST", "/projects/5/triggers", "{\"description\":\"d\"}"},
    {"GET", "/projects/5/triggers", ""},
    {"PUT", "/projects/5", "{\"restrict_user_defined_variables\":true}"},
    {"GET", "/pipelines?per_page=1", ""},
    {"PUT", "/projects/5/hooks/1", "{\"description\":\"d\",\"deployment_events\":true}"},
    {"POST", "/projects/5/hooks/1/test/pipeline_events", "{}"},
    {"GET", "/projects/5/hooks", ""},
    {"GET", "/projects/5/hooks/1/events", ""},
    {"GET", "/_mock/hooks", ""},
    {"POST", "/_mock/faults", "{\"path\":\"/version\",\"status\":503,\"times\":1}"},
    {"GET", "/version", ""},
    {"POST", "/_mock/faults",
     "{\"path\":\"/projects/5/tri*\",\"status\":503,\"apply\":true,\"headers\":{\"X-A\":\"b\"},"
     "\"body\":\"text\",\"times\":2}"},
    {"POST", "/projects/5/triggers", "{\"description\":\"d\"}"},
    {"GET", "/projects/5/triggers", ""},
    {"POST", "/_mock/faults", "{\"path\":\"/projects/5/pipeline\",\"apply_late\":2,\"times\":1}"},
    {"POST", "/projects/5/pipeline", "{\"ref\":\"late\"}"},
    {"POST", "/_mock/scenarios", "{\"name\":\"s\",\"terminal_after_seconds\":5}"},
    {"PATCH", "/_mock/pipelines/1", "{\"status\":\"manual\"}"},
    {"PATCH", "/_mock/pipelines/2", "{\"terminal_after_seconds\":1}"},
    {"GET", "/_mock/requests", ""},
    {"POST", "/_mock/clock", "{\"advance\":5}"},
    {"DELETE", "/projects/5/pipelines/1", ""},
    {"DELETE", "/projects/5/hooks/1", ""},
    {"GET", "/personal_access_tokens/self", ""},
};

static int ask(gp_mock *m, double now, const char *const part[3])
{
    gp_http_header headers[] = {{"PRIVATE-TOKEN", "MOCK_SUPER_SECRET", 13, 17},
                                {"Content-Type", "application/json", 12, 16}};
    gp_http_request_in in = {.method = part[0],
                             .target = part[1],
                             .target_len = strlen(part[1]),
                             .headers = headers,
                             .header_count = 2,
                             .body = part[2],
                             .body_len = strlen(part[2])};
    gp_http_response_out out;
    int status;
    gp_http_response_init(&out, gp_mock_alloc(m));
    gp_mock_request(m, now, &in, &out);
    status = out.body.failed || out.headers.failed ? 500 : out.status;
    gp_http_response_free(&out);
    return status;
}

/* 1 when an allocation failed in this run. */
static int run(long nth)
{
    static const char *const last[3] = {"GET", "/projects/5/pipelines", ""};
    gp_mock_options options = {.world = world, .world_len = sizeof world - 1, .seed = 3};
    char err[400];
    double now = 1767225600;
    gp_mock *m;
    size_t i;
    failed = 0;
    countdown = nth;
    if (gp_mock_open(&options, &m, err, sizeof err) != GP_MOCK_OPENED) {
        countdown = -1;
        if (!failed) {
            fprintf(stderr, "cannot open: %s\n", err);
            exit(2);
        }
        return 1;
    }
    for (i = 0; i < sizeof requests / sizeof *requests; i++) {
        int status = ask(m, now += 1, requests[i]);
        if (status > 503 || status < 200 || (status >= 500 && !failed && status != 503)) {
            fprintf(stderr, "%ld: %s %s gave %d\n", nth, requests[i][0], requests[i][1], status);
            exit(2);
        }
    }
    countdown = -1;
    i = (size_t)ask(m, now + 1, last);
    if (i != 200 && i != 500) fprintf(stderr, "%ld: %zu in the end\n", nth, i), exit(2);
    if (ask(m, now + 2, last) != 200) fprintf(stderr, "%ld: never well again\n", nth), exit(2);
    gp_mock_close(m);
    return failed;
}

int main(int argc, char **argv)
{
    long step = argc > 1 ? strtol(argv[1], NULL, 10) : 1, nth = 0, failures = 0;
    while (run(nth)) {
        nth += step;
        failures++;
    }
    printf("%ld allocations failed in turn\n", failures);
    return 0;
}

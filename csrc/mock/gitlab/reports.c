/* Suites and cases come from the `tests` of each job's definition. */
#include "mock/gitlab/reports.h"

/*
 * Test reports: from a job's `tests`, a list of {name, classname, status, time, output, file}. Each
 * job that ran and has some is one suite.
 */
#include <string.h>

#include "mock/engine/world.h"

typedef struct totals {
    double time;
    int count, success, failed, skipped, error;
} totals;

static const char *status_of(const gp_json *test)
{
    return gp_json_get_string(test, "status", "success");
}

static void add(totals *sum, const gp_json *test)
{
    const char *status = status_of(test);
    sum->time += gp_json_get_number(test, "time", 0.01);
    sum->count++;
    sum->success += strcmp(status, "success") == 0;
    sum->failed += strcmp(status, "failed") == 0;
    sum->skipped += strcmp(status, "skipped") == 0;
    sum->error += strcmp(status, "error") == 0;
}

static const gp_json *tests_of(const gp_job *job)
{
    const gp_json *tests = job->def ? gp_job_field(job, "tests") : NULL;
    if (job->retried || !tests || tests->type != GP_JSON_ARRAY || !tests->count) return NULL;
    return job->started_at != GP_MS_NONE && job->finished_at != GP_MS_NONE ? tests : NULL;
}

static totals totals_of(const gp_json *tests)
{
    totals sum = {0};
    const gp_json *test;
    for (test = tests->child; test; test = test->next)
        add(&sum, test);
    return sum;
}

static totals all_totals(const gp_pipeline *p)
{
    totals sum = {0};
    const gp_json *test, *tests;
    size_t i;
    for (i = 0; i < p->jobs.count; i++) {
        tests = tests_of(p->jobs.items[i]);
        for (test = tests ? tests->child : NULL; test; test = test->next)
            add(&sum, test);
    }
    return sum;
}

/* Seconds to the millisecond. */
static void out_time(gp_buf *buf, const char *key, double seconds)
{
    gp_write_seconds(buf, key, gp_ms_from_seconds(seconds));
}

static void out_totals(gp_buf *buf, const totals *t)
{
    out_time(buf, "total_time", t->time);
    gp_write_integer(buf, "total_count", t->count);
    gp_write_integer(buf, "success_count", t->success);
    gp_write_integer(buf, "failed_count", t->failed);
    gp_write_integer(buf, "skipped_count", t->skipped);
    gp_write_integer(buf, "error_count", t->error);
}

static void out_case(gp_buf *buf, const gp_json *test)
{
    gp_write_open(buf, NULL, '{');
    gp_write_string(buf, "status", status_of(test));
    gp_write_string(buf, "name", gp_json_get_string(test, "name", "test"));
    gp_write_string(buf, "classname", gp_json_get_string(test, "classname", "spec"));
    gp_write_string(buf, "file", gp_json_get_string(test, "file", NULL));
    out_time(buf, "execution_time", gp_json_get_number(test, "time", 0.01));
    gp_write_string(buf, "system_output", gp_json_get_string(test, "output", NULL));
    gp_write_null(buf, "stack_trace");
    gp_write_null(buf, "attachment_url");
    gp_write_null(buf, "recent_failures");
    gp_write_close(buf, '}');
}

int gp_test_report(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    const gp_pipeline *p = call->pipeline;
    totals sum = all_totals(p);
    const gp_json *tests, *test;
    size_t i;
    gp_write_open(buf, NULL, '{');
    out_totals(buf, &sum);
    gp_write_open(buf, "test_suites", '[');
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = p->jobs.items[i];
        totals own;
        tests = tests_of(job);
        if (!tests) continue;
        own = totals_of(tests);
        gp_write_open(buf, NULL, '{');
        gp_write_string(buf, "name", job->name);
        out_totals(buf, &own);
        gp_write_null(buf, "suite_error");
        gp_write_open(buf, "test_cases", '[');
        for (test = tests->child; test; test = test->next)
            out_case(buf, test);
        gp_write_close(buf, ']');
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, ']');
    gp_write_close(buf, '}');
    return 200;
}

int gp_test_report_summary(gp_call *call)
{
    gp_buf *buf = &call->out->body;
    const gp_pipeline *p = call->pipeline;
    totals sum = all_totals(p);
    size_t i;
    gp_write_open(buf, NULL, '{');
    gp_write_open(buf, "total", '{');
    out_time(buf, "time", sum.time);
    gp_write_integer(buf, "count", sum.count);
    gp_write_integer(buf, "success", sum.success);
    gp_write_integer(buf, "failed", sum.failed);
    gp_write_integer(buf, "skipped", sum.skipped);
    gp_write_integer(buf, "error", sum.error);
    gp_write_null(buf, "suite_error");
    gp_write_close(buf, '}');
    gp_write_open(buf, "test_suites", '[');
    for (i = 0; i < p->jobs.count; i++) {
        const gp_job *job = p->jobs.items[i];
        const gp_json *tests = tests_of(job);
        totals own;
        if (!tests) continue;
        own = totals_of(tests);
        gp_write_open(buf, NULL, '{');
        gp_write_string(buf, "name", job->name);
        out_totals(buf, &own);
        gp_write_open(buf, "build_ids", '[');
        gp_write_integer(buf, NULL, job->id);
        gp_write_close(buf, ']');
        gp_write_null(buf, "suite_error");
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, ']');
    gp_write_close(buf, '}');
    return 200;
}

/* The log is computed from the job's definition and the time it has run; nothing is stored. */
#include "mock/gitlab/trace.h"

/*
 * The log of a job: what a runner would have written by now. It is not stored: its lines follow
 * from the job, each with the moment at which it comes, and those that have come are shown.
 */
#include <string.h>

#include "mock/request/answer.h"
#include "mock/engine/world.h"

static const char *const default_log = "$ echo simulated\nsimulated\n";

/* Where lines are written; a line whose time has not come is left out. */
typedef struct log_writer {
    gp_buf *buf;
    gp_ms now;
    int stamped; /* FF_TIMESTAMPS: each line begins with its time */
} log_writer;

static void line(log_writer *w, gp_ms at, const char *text, size_t len)
{
    char stamp[GP_TIME_TEXT];
    if (at > w->now) return;
    if (w->stamped) {
        gp_ms_iso(stamp, at);
        stamp[23] = 0;
        gp_buf_adds(w->buf, stamp);
        gp_buf_adds(w->buf, "000Z 00O ");
    }
    gp_buf_add(w->buf, text, len);
    gp_buf_add(w->buf, "\n", 1);
}

static void text_line(log_writer *w, gp_ms at, const char *text)
{
    line(w, at, text, strlen(text));
}

static void section(log_writer *w, gp_ms at, const char *name, const char *header)
{
    gp_buf buf = {.alloc = w->buf->alloc};
    gp_buf_addf(&buf, "\x1b[0Ksection_start:%lld:%s\r\x1b[0K\x1b[0K\x1b[36;1m%s\x1b[0;m\x1b[0;m",
                (long long)(at / 1000), name, header);
    if (!buf.failed) line(w, at, buf.data, buf.len);
    gp_buf_free(&buf);
}

static void section_end(log_writer *w, gp_ms at, const char *name)
{
    gp_buf buf = {.alloc = w->buf->alloc};
    gp_buf_addf(&buf, "\x1b[0Ksection_end:%lld:%s\r\x1b[0K", (long long)(at / 1000), name);
    if (!buf.failed) line(w, at, buf.data, buf.len);
    gp_buf_free(&buf);
}

static void last_line(log_writer *w, const gp_job *job, gp_ms at)
{
    gp_buf buf = {.alloc = w->buf->alloc};
    switch (job->status) {
    case GP_STATUS_SUCCESS:
        text_line(w, at, "\x1b[32;1mJob succeeded\x1b[0;m");
        break;
    case GP_STATUS_FAILED:
        gp_buf_addf(&buf, "\x1b[31;1mERROR: Job failed: exit code %d\x1b[0;m",
                    (int)gp_job_number(job, "exit_code", 1));
        if (!buf.failed) line(w, at, buf.data, buf.len);
        break;
    case GP_STATUS_CANCELED:
        text_line(w, at, "\x1b[31;1mERROR: Job failed: canceled\x1b[0;m");
        break;
    default:
        break;
    }
    gp_buf_free(&buf);
}

/* Whether the world's log already ends with the runner's last line. */
static int has_last_line(const char *log)
{
    return strstr(log, "Job succeeded") || strstr(log, "ERROR: Job failed");
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        count++;
    return count;
}

static void write_log(log_writer *w, const gp_job *job)
{
    const char *log = job->def ? gp_job_text(job, "log", default_log) : default_log;
    const char *whole = log;
    gp_ms start = job->started_at,
          end = job->finished_at != GP_MS_NONE ? job->finished_at : GP_MS_NEVER;
    gp_ms run = end != GP_MS_NEVER            ? end - start
                : job->run_for != GP_MS_NEVER ? job->run_for
                                              : 60000;
    size_t lines = count_lines(log), i = 0;
    text_line(w, start, "\x1b[0KRunning with gitlab-runner 18.9.0 (00000000)\x1b[0;m");
    section(w, start, "prepare_executor", "Preparing the \"docker\" executor");
    text_line(w, start, "Using Docker executor with image alpine:latest ...");
    section_end(w, start, "prepare_executor");
    section(w, start, "get_sources", "Getting source from Git repository");
    text_line(w, start, "\x1b[32;1mFetching changes...\x1b[0;m");
    section_end(w, start, "get_sources");
    section(w, start, "step_script", "Executing \"step_script\" stage of the job script");
    for (; *log; i++) {
        size_t len = strcspn(log, "\n");
        gp_ms at = start + run * (gp_ms)(i + 1) / (gp_ms)(lines + 1);
        if (at > end) at = end;
        line(w, at, log, len);
        log += len + (log[len] == '\n');
    }
    if (end == GP_MS_NEVER || has_last_line(whole)) return;
    section_end(w, end, "step_script");
    last_line(w, job, end);
}

int gp_get_trace(gp_call *call)
{
    const gp_job *job = call->job;
    const gp_json *project = job->pipeline->project->def;
    log_writer w = {.buf = &call->out->body, .now = call->m->now - call->lag};
    gp_buf buf = {.alloc = &call->m->alloc};
    w.stamped = job->def
                    ? gp_job_flag(job, "timestamps", gp_json_get_boolean(project, "timestamps", 0))
                    : 0;
    if (job->started_at != GP_MS_NONE && job->erased_at == GP_MS_NONE) write_log(&w, job);
    gp_answer_type(call, "text/plain");
    gp_buf_addf(&buf, "infile; filename=\"%lld.log\"", (long long)job->id);
    gp_buf_add(&buf, "", 1);
    if (!buf.failed) gp_http_response_header(call->out, "Content-Disposition", buf.data);
    gp_buf_free(&buf);
    return 200;
}

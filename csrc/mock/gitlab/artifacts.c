/* Reads artifacts from the definition of the job; expiry and deletion are decided in
 * json_views.c. */
#include "mock/gitlab/artifacts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/request/answer.h"
#include "mock/gitlab/archive.h"
#include "mock/gitlab/object_store.h"
#include "mock/request/download.h"
#include "mock/gitlab/json_views.h"
#include "mock/rows/save.h"

static const gp_json *file_of(const gp_json *files, const char *path)
{
    const gp_json *file = path ? gp_json_get(files, path) : NULL;
    return file && file->type == GP_JSON_STRING ? file : NULL;
}

static int climbs(const char *path)
{
    return strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0 ||
           strstr(path, "/../") != NULL ||
           (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0);
}

static int send_file(gp_call *call, const gp_job *job, const char *missing)
{
    const gp_json *files = gp_job_files(call->m, job), *file;
    const char *path = gp_call_string(call, "path"), *slash;
    if (!files) return gp_fail(call, 404, missing);
    if (!path || climbs(path)) return gp_fail(call, 400, "400 Bad request");
    file = file_of(files, path);
    if (!file) return gp_fail(call, 404, "404 Not Found");
    gp_buf_add(&call->out->body, file->string, file->len);
    slash = strrchr(path, '/');
    return gp_send_bytes(
        call, strstr(call->route->path, "/raw/") ? "text/plain" : "application/octet-stream",
        slash ? slash + 1 : path);
}

static int send_archive(gp_call *call, const gp_job *job, const char *missing)
{
    const gp_json *files = gp_job_files(call->m, job);
    if (!files) return gp_fail(call, 404, missing);
    if (gp_object_store_holds(call)) return gp_object_store_redirect(call, job);
    gp_archive_write(&call->out->body, files);
    return gp_send_bytes(call, "application/octet-stream", "artifacts.zip");
}

int gp_get_artifact_file(gp_call *call)
{
    return send_file(call, call->job, "404 Not Found");
}

int gp_get_archive(gp_call *call)
{
    return send_archive(call, call->job, "404 Not Found");
}

/* The newest job of that name with an archive: in the newest successful pipeline of the ref, or in
 * one of the last hundred. */
static const gp_job *latest_job(gp_call *call)
{
    const gp_list *all = &call->project->pipelines;
    const char *ref = gp_call_string(call, "ref"), *name = gp_call_string(call, "job");
    int tries = gp_call_boolean(call, "search_recent_successful_pipelines", 0) ? 100 : 1;
    size_t i, k;
    for (i = all->count; i > 0 && tries > 0; i--) {
        const gp_pipeline *p = all->items[i - 1];
        if (!ref || strcmp(p->ref, ref) != 0 || p->status != GP_STATUS_SUCCESS) continue;
        if (strcmp(p->source, "parent_pipeline") == 0) continue;
        tries--;
        for (k = p->jobs.count; k > 0; k--) {
            const gp_job *job = p->jobs.items[k - 1];
            if (!job->retried && strcmp(job->name, name) == 0 && gp_job_files(call->m, job))
                return job;
        }
    }
    return NULL;
}

static const char *none_found(const gp_call *call)
{
    return gp_call_boolean(call, "search_recent_successful_pipelines", 0) ? "404 Job Not Found"
                                                                          : "404 Not found";
}

int gp_latest_artifact_file(gp_call *call)
{
    const gp_job *job = latest_job(call);
    return job ? send_file(call, job, "404 Not found") : gp_fail(call, 404, none_found(call));
}

int gp_latest_archive(gp_call *call)
{
    const gp_job *job = latest_job(call);
    return job ? send_archive(call, job, "404 Not found") : gp_fail(call, 404, none_found(call));
}

/* The tree ---------------------------------------------------------------------------------- */

typedef struct entry {
    const char *path;
    size_t len;          /* of the path, with the final '/' of a directory */
    const gp_json *file; /* NULL: a directory */
} entry;

static int by_path(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->path, y->path, len);
    if (order) return order;
    return x->len < y->len ? -1 : x->len > y->len;
}

static size_t add_entry(entry *entries, size_t count, const char *path, size_t len,
                        const gp_json *file)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (entries[i].len == len && memcmp(entries[i].path, path, len) == 0) return count;
    }
    entries[count].path = path;
    entries[count].len = len;
    entries[count].file = file;
    return count + 1;
}

static void shape_entry(gp_buf *buf, const entry *e)
{
    size_t end = e->file ? e->len : e->len - 1, start = end;
    while (start && e->path[start - 1] != '/')
        start--;
    gp_write_open(buf, NULL, '{');
    gp_write_bytes(buf, "name", e->path + start, end - start);
    gp_write_bytes(buf, "path", e->path, e->len);
    gp_write_string(buf, "type", e->file ? "file" : "directory");
    if (e->file) gp_write_integer(buf, "size", (int64_t)e->file->len);
    gp_write_string(buf, "mode", e->file ? "100644" : "040755");
    gp_write_close(buf, '}');
}

int gp_artifact_tree(gp_call *call)
{
    const gp_json *files = gp_job_files(call->m, call->job), *file;
    const char *dir = gp_call_string(call, "path");
    int recursive = gp_call_boolean(call, "recursive", 0);
    size_t prefix = dir ? strlen(dir) : 0, count = 0, slots = 1, i;
    entry *entries;
    gp_page page;
    if (!files) return gp_fail(call, 404, "404 Artifacts Not Found");
    while (prefix && dir[prefix - 1] == '/')
        prefix--;
    for (file = files->child; file; file = file->next)
        slots += strlen(file->key);
    entries = gp_arena_get(call->arena, slots * sizeof *entries);
    if (!entries) return gp_fail_memory(call);
    for (file = files->child; file; file = file->next) {
        const char *path = file->key, *at = path + (prefix ? prefix + 1 : 0), *slash;
        if (prefix && (strncmp(path, dir, prefix) != 0 || path[prefix] != '/')) continue;
        while ((slash = strchr(at, '/')) != NULL) {
            count = add_entry(entries, count, path, (size_t)(slash - path) + 1, NULL);
            at = slash + 1;
            if (!recursive) break;
        }
        if (!slash) count = add_entry(entries, count, path, strlen(path), file);
    }
    if (prefix && !count) return gp_fail(call, 404, "404 Path Not Found");
    qsort(entries, count, sizeof *entries, by_path);
    page = gp_page_of(call, (int64_t)count, 1);
    gp_write_open(&call->out->body, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last; i++)
        shape_entry(&call->out->body, &entries[i]);
    gp_write_close(&call->out->body, ']');
    return 200;
}

/* Keeping and deleting ---------------------------------------------------------------------- */

static void touch(gp_call *call, gp_job *job)
{
    job->dirty = 1;
    gp_store_touch_pipeline(call->m, job->pipeline);
}

int gp_keep_artifacts(gp_call *call)
{
    if (!gp_job_files(call->m, call->job)) return gp_fail(call, 404, "404 Not Found");
    call->job->kept = 1;
    touch(call, call->job);
    gp_view_job(&call->out->body, NULL, call->m, call->job);
    return 200;
}

int gp_delete_artifacts(gp_call *call)
{
    if (!gp_job_files(call->m, call->job)) return gp_fail(call, 404, "404 Not Found");
    call->job->no_artifacts = 1;
    touch(call, call->job);
    return 204;
}

int gp_delete_project_artifacts(gp_call *call)
{
    const gp_list *all = &call->project->pipelines;
    size_t i, k;
    for (i = 0; i < all->count; i++) {
        gp_pipeline *p = all->items[i];
        for (k = 0; k < p->jobs.count; k++) {
            gp_job *job = p->jobs.items[k];
            if (!gp_job_files(call->m, job)) continue;
            job->no_artifacts = 1;
            touch(call, job);
        }
    }
    return gp_fail(call, 202, "202 Accepted");
}

/* Handlers for /projects/:id/hooks, in GitLab's form. */
#include "mock/webhooks/project_hooks.h"

#include <stdlib.h>
#include <string.h>

#include "core/webhook.h"
#include "mock/request/listing.h"
#include "mock/webhooks/hook.h"
#include "mock/webhooks/hook_calls.h"
#include "mock/webhooks/hooks.h"
#include "mock/webhooks/outbox.h"

/* The switches of a target in GitLab. The simulation has only the events with a bit of
 * gp_hook_events; the others are kept and given back. A target of /_mock/hooks has them as usual.
 */
static const struct {
    const char *name;
    int event; /* one of gp_hook_events, or 0 */
    int usual;
} flags[] = {{"push_events", 0, 0},
             {"tag_push_events", 0, 0},
             {"merge_requests_events", 0, 0},
             {"repository_update_events", 0, 0},
             {"enable_ssl_verification", 0, 1},
             {"issues_events", 0, 0},
             {"confidential_issues_events", 0, 0},
             {"note_events", 0, 0},
             {"confidential_note_events", 0, 0},
             {"pipeline_events", GP_HOOK_PIPELINE, 0},
             {"wiki_page_events", 0, 0},
             {"deployment_events", GP_HOOK_DEPLOYMENT, 0},
             {"feature_flag_events", 0, 0},
             {"job_events", GP_HOOK_JOB, 0},
             {"releases_events", 0, 0},
             {"emoji_events", 0, 0},
             {"resource_access_token_events", 0, 0}};

enum { FLAGS = sizeof flags / sizeof *flags };

static int flag_of(const char *name)
{
    int i = 0;
    while (i < FLAGS && strcmp(flags[i].name, name) != 0)
        i++;
    return i;
}

static int is_set(const gp_hook *hook, int i)
{
    if (flags[i].event) return (hook->events & flags[i].event) != 0;
    return (hook->flags >> i & 1) != flags[i].usual;
}

/* Answers ----------------------------------------------------------------------------------- */

static void show(gp_call *call, const void *row)
{
    const gp_mock *m = call->m;
    const gp_hook *hook = row;
    gp_buf *buf = &call->out->body;
    int i;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", hook->id);
    gp_write_string(buf, "url", hook->url);
    gp_write_string(buf, "name", hook->name);
    gp_write_string(buf, "description", hook->description);
    gp_write_time(buf, "created_at", hook->created_at);
    gp_write_string(buf, "alert_status", gp_hook_alert_status(hook, m->now));
    gp_write_time(buf, "disabled_until",
                  gp_hook_executable(hook, m->now) ? GP_MS_NONE : hook->off_until);
    gp_write_raw(buf, "url_variables", "[]", 2);
    gp_write_string(buf, "push_events_branch_filter", hook->branches ? hook->branches : "");
    gp_write_string(buf, "branch_filter_strategy", "wildcard");
    gp_write_null(buf, "custom_webhook_template");
    gp_write_raw(buf, "custom_headers", "[]", 2);
    gp_write_boolean(buf, "token_present", hook->token != NULL);
    gp_write_boolean(buf, "signing_token_present", hook->signing != NULL);
    gp_write_integer(buf, "project_id", hook->project_id);
    for (i = 0; i < FLAGS; i++)
        gp_write_boolean(buf, flags[i].name, is_set(hook, i));
    gp_write_close(buf, '}');
}

static gp_hook *asked(const gp_call *call)
{
    gp_hook *hook = gp_hook_by_id(&call->m->hooks, gp_call_integer(call, "hook_id", 0));
    return hook && hook->project_id == call->project->id ? hook : NULL;
}

static int of_project(const gp_call *call, const void *row, const void *ctx)
{
    (void)ctx;
    return ((const gp_hook *)row)->project_id == call->project->id;
}

int gp_list_project_hooks(gp_call *call)
{
    const gp_listing listing = {.rows = &call->m->hooks, .view = show, .wanted = of_project};
    return gp_listing_respond(call, &listing);
}

int gp_get_project_hook(gp_call *call)
{
    const gp_hook *hook = asked(call);
    if (!hook) return gp_fail_record(call);
    show(call, hook);
    return 200;
}

/* Changes ----------------------------------------------------------------------------------- */

/* Checks the request: 0, or the status of the error written. */
static int refused(gp_call *call)
{
    const char *url = gp_call_string(call, "url"), *token = gp_call_string(call, "token");
    const char *signing = gp_call_string(call, "signing_token");
    gp_webhook_key key;
    if (url && !gp_hook_url_fits(url)) return gp_fail_error(call, 422, "Invalid url given");
    if (token && !gp_hook_text_fits(token)) return gp_fail_field(call, "token", "is invalid");
    if (!signing || !*signing) return 0;
    if (!gp_webhook_key_read(&key, signing, strlen(signing)))
        return gp_fail_field(call, "signing_token", "is invalid");
    gp_webhook_key_close(&key);
    return 0;
}

static int take(gp_call *call, gp_hook *hook)
{
    int i;
    if (!gp_hook_take_text(call, "url", &hook->url) ||
        !gp_hook_take_text(call, "token", &hook->token) ||
        !gp_hook_take_text(call, "signing_token", &hook->signing) ||
        !gp_hook_take_text(call, "name", &hook->name) ||
        !gp_hook_take_text(call, "description", &hook->description) ||
        !gp_hook_take_text(call, "push_events_branch_filter", &hook->branches)) {
        return gp_fail_memory(call);
    }
    for (i = 0; i < FLAGS; i++) {
        int on = gp_call_boolean(call, flags[i].name, is_set(hook, i));
        int *word = flags[i].event ? &hook->events : &hook->flags;
        int bit = flags[i].event ? flags[i].event : 1 << i;
        *word = on != flags[i].usual ? *word | bit : *word & ~bit;
    }
    gp_hook_save(call->m, hook);
    return 0;
}

int gp_create_project_hook(gp_call *call)
{
    gp_hook *hook;
    int status = refused(call);
    if (status) return status;
    hook = gp_hook_new(call->m, call->project->id);
    if (!hook) return gp_fail_memory(call);
    hook->events = 0;
    hook->flags |= 1 << flag_of("push_events");
    status = take(call, hook);
    if (!status && gp_hook_enter(call->m, hook)) {
        show(call, hook);
        return 201;
    }
    gp_hook_free(hook);
    return status ? status : gp_fail_memory(call);
}

int gp_put_project_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    int status;
    if (!hook) return gp_fail_record(call);
    status = refused(call);
    if (!status) status = take(call, hook);
    if (status) return status;
    show(call, hook);
    return 200;
}

int gp_delete_project_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    if (!hook) return gp_fail_record(call);
    gp_hook_drop(call->m, hook);
    return 204;
}

/* Events ------------------------------------------------------------------------------------ */

static void show_event(gp_call *call, const void *row)
{
    gp_mock *m = call->m;
    const gp_delivery *d = row;
    const gp_hook *hook = gp_hook_by_id(&m->hooks, d->hook_id);
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", d->id);
    gp_write_string(buf, "url", hook->url);
    gp_write_open(buf, "trigger", '"');
    gp_buf_adds(buf, gp_hook_event_word(d->event));
    gp_buf_adds(buf, "_hooks");
    gp_write_close(buf, '"');
    gp_delivery_shape_headers(buf, "request_headers", m, hook, d);
    gp_write_raw(buf, "request_data", d->body, strlen(d->body));
    gp_write_raw(buf, "response_headers", "{}", 2);
    gp_write_string(buf, "response_body", d->answer ? d->answer : "");
    gp_write_seconds(buf, "execution_duration",
                     d->answered_at < d->sent_at ? 0 : d->answered_at - d->sent_at);
    if (d->status) {
        gp_write_open(buf, "response_status", '"');
        gp_write_digits(buf, d->status);
        gp_write_close(buf, '"');
    } else {
        gp_write_string(buf, "response_status", "internal error");
    }
    gp_write_time(buf, "created_at", d->created_at);
    gp_write_close(buf, '}');
}

/* One word of the filter: 1 if it includes this status, 0 if not, -1 if the word is invalid. */
static int word_takes(const char *word, size_t len, int status)
{
    static const struct {
        const char *name;
        int hundred;
    } kinds[] = {{"successful", 2}, {"client_failure", 4}, {"server_failure", 5}};
    size_t i;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strlen(kinds[i].name) == len && strncmp(word, kinds[i].name, len) == 0)
            return status / 100 == kinds[i].hundred;
    }
    if (len != 3 || strspn(word, "0123456789") < 3 || *word == '0') return -1;
    return strtol(word, NULL, 10) == status;
}

/* The same for a list of words, separated by commas. */
static int filter_takes(const char *words, int status)
{
    int found = 0;
    while (*words) {
        size_t len = strcspn(words, ",");
        int one = word_takes(words, len, status);
        if (one < 0) return -1;
        found |= one;
        words += len + (words[len] == ',');
    }
    return found;
}

static int event_wanted(const gp_call *call, const void *row, const void *ctx)
{
    const gp_delivery *d = row;
    const char *status = gp_call_string(call, "status");
    if (d->hook_id != ((const gp_hook *)ctx)->id || d->answered_at == GP_MS_NONE) return 0;
    return !status || !*status || filter_takes(status, d->status);
}

int gp_list_hook_events(gp_call *call)
{
    const gp_hook *hook = asked(call);
    const char *status = gp_call_string(call, "status");
    int64_t per_page = gp_call_integer(call, "per_page", 20);
    const gp_listing listing = {.rows = &call->m->outbox.items,
                                .view = show_event,
                                .wanted = event_wanted,
                                .ctx = hook,
                                .reverse = 1};
    if (!hook) return gp_fail_record(call);
    if (status && filter_takes(status, 0) < 0)
        return gp_fail_error(call, 400, "status does not have a valid value");
    if (per_page < 1 || per_page > 20)
        return gp_fail_error(call, 400, "per_page does not have a valid value");
    return gp_listing_respond(call, &listing);
}

int gp_resend_hook_event(gp_call *call)
{
    gp_mock *m = call->m;
    const gp_hook *hook = asked(call);
    gp_delivery *d = gp_delivery_by_id(&m->outbox, gp_call_integer(call, "hook_event_id", 0));
    if (!hook || !d || d->hook_id != hook->id || d->answered_at == GP_MS_NONE)
        return gp_fail_record(call);
    if (d->state != GP_DELIVERY_SENDING) gp_outbox_resend(&m->outbox, d, m->now);
    gp_delivery_save(m, d);
    gp_write_open(&call->out->body, NULL, '{');
    gp_write_integer(&call->out->body, "response_status", d->status);
    gp_write_close(&call->out->body, '}');
    return 201;
}

int gp_test_project_hook(gp_call *call)
{
    const gp_hook *hook = asked(call);
    int i = flag_of(gp_call_string(call, "trigger"));
    const char *nothing = "Ensure the project has CI pipelines.";
    if (!hook) return gp_fail_record(call);
    if (i == FLAGS || !strstr(flags[i].name, "_events") || i == flag_of("repository_update_events"))
        return gp_fail_error(call, 400, "trigger does not have a valid value");
    if (flags[i].event == GP_HOOK_JOB) nothing = "Ensure the project has CI jobs.";
    if (flags[i].event == GP_HOOK_DEPLOYMENT) nothing = "Ensure the project has deployments.";
    if (!flags[i].event) nothing = "The simulation has no events of this kind.";
    if (!flags[i].event || !gp_hook_test_newest(call, hook, flags[i].event))
        return gp_fail(call, 422, nothing);
    gp_write_open(&call->out->body, NULL, '{');
    gp_write_string(&call->out->body, "message", "201 Created");
    gp_write_close(&call->out->body, '}');
    return 201;
}

/* /_mock/hooks: registering webhook targets, and looking at what they were told. */
#include <stdlib.h>
#include <string.h>

#include "core/webhook.h"
#include "mock/request/answer.h"
#include "mock/webhooks/events.h"
#include "mock/handlers.h"
#include "mock/webhooks/hooks.h"
#include "mock/rows/store.h"

/* Deliveries that a list of targets shows of each. */
enum { SHOWN = 20 };

void gp_delivery_shape_headers(gp_buf *buf, const char *key, gp_mock *m, const gp_hook *hook,
                               const gp_delivery *d)
{
    gp_http_response_out headers;
    const char *name, *value;
    size_t position = 0;
    gp_http_response_init(&headers, &m->alloc);
    gp_out_open(buf, key, '{');
    if (gp_delivery_headers(m, hook, d, &headers, 1)) {
        while (gp_http_response_next(&headers, &position, &name, &value))
            gp_out_string(buf, name, value);
    }
    gp_out_close(buf, '}');
    gp_http_response_free(&headers);
}

static void shape_delivery(gp_buf *buf, gp_mock *m, const gp_hook *hook, const gp_delivery *d)
{
    gp_out_open(buf, NULL, '{');
    gp_out_integer(buf, "id", d->id);
    gp_out_integer(buf, "hook_id", d->hook_id);
    gp_out_string(buf, "event", gp_hook_event_word(d->event));
    gp_out_string(buf, "subject", d->subject);
    gp_out_string(buf, "state", gp_delivery_state_name(d->state));
    gp_out_string(buf, "webhook_id", d->key);
    gp_out_integer(buf, "attempts", d->tries);
    gp_out_time(buf, "created_at", d->created_at);
    gp_out_time(buf, "due_at", d->state == GP_DELIVERY_WAITING ? d->due : GP_MS_NONE);
    gp_out_time(buf, "sent_at", d->sent_at);
    gp_out_time(buf, "answered_at", d->answered_at);
    if (d->status) {
        gp_out_integer(buf, "status", d->status);
    } else {
        gp_out_null(buf, "status");
    }
    gp_out_string(buf, "answer", d->answer);
    gp_delivery_shape_headers(buf, "headers", m, hook, d);
    gp_out_raw(buf, "payload", d->body, strlen(d->body));
    gp_out_close(buf, '}');
}

const char *gp_hook_alert_status(const gp_hook *hook, gp_ms now)
{
    if (hook->off) return "disabled";
    return gp_hook_executable(hook, now) ? "executable" : "temporarily_disabled";
}

static void shape(gp_buf *buf, gp_mock *m, const gp_hook *hook, size_t shown)
{
    size_t i;
    int bit;
    gp_out_open(buf, NULL, '{');
    gp_out_integer(buf, "id", hook->id);
    gp_out_string(buf, "url", hook->url);
    if (hook->project_id == GP_UNSET) {
        gp_out_null(buf, "project_id");
    } else {
        gp_out_integer(buf, "project_id", hook->project_id);
    }
    gp_out_open(buf, "events", '[');
    for (bit = GP_HOOK_PIPELINE; bit <= GP_HOOK_DEPLOYMENT; bit *= 2) {
        if (hook->events & bit) gp_out_string(buf, NULL, gp_hook_event_word(bit));
    }
    gp_out_close(buf, ']');
    gp_out_boolean(buf, "token_present", hook->token != NULL);
    gp_out_boolean(buf, "signing_token_present", hook->signing != NULL);
    gp_out_integer(buf, "retries", hook->retries);
    gp_out_integer(buf, "duplicate", hook->duplicate);
    gp_out_seconds(buf, "delay", hook->delay);
    gp_out_boolean(buf, "reorder", hook->reorder);
    gp_out_boolean(buf, "wrong_signature", hook->wrong);
    gp_out_string(buf, "alert_status", gp_hook_alert_status(hook, m->now));
    gp_out_time(buf, "disabled_until",
                gp_hook_executable(hook, m->now) ? GP_MS_NONE : hook->off_until);
    gp_out_integer(buf, "failures", hook->failures);
    gp_out_time(buf, "created_at", hook->created_at);
    gp_out_open(buf, "deliveries", '[');
    for (i = m->outbox.items.count; i > 0 && shown > 0; i--) {
        const gp_delivery *d = m->outbox.items.items[i - 1];
        if (d->hook_id != hook->id) continue;
        shape_delivery(buf, m, hook, d);
        shown--;
    }
    gp_out_close(buf, ']');
    gp_out_close(buf, '}');
}

int gp_list_hooks(gp_call *call)
{
    size_t i;
    gp_out_open(&call->out->body, NULL, '[');
    for (i = 0; i < call->m->hooks.count; i++)
        shape(&call->out->body, call->m, call->m->hooks.items[i], SHOWN);
    gp_out_close(&call->out->body, ']');
    return 200;
}

static gp_hook *asked(const gp_call *call)
{
    return gp_hook_by_id(&call->m->hooks, gp_call_integer(call, "hook_id", 0));
}

int gp_get_hook(gp_call *call)
{
    const gp_hook *hook = asked(call);
    if (!hook) return gp_fail_record(call);
    shape(&call->out->body, call->m, hook, SHOWN);
    return 200;
}

/* Nothing that could end a header or an address. */
int gp_hook_text_fits(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) return 0;
    }
    return 1;
}

int gp_hook_url_fits(const char *url)
{
    return (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
           gp_hook_text_fits(url) && !strchr(url, ' ');
}

static const char *bad_field(const gp_call *call)
{
    const char *url = gp_call_string(call, "url"), *token = gp_call_string(call, "token");
    const char *signing = gp_call_string(call, "signing_token");
    const gp_json *delay = gp_json_get(call->params, "delay");
    gp_webhook_key key;
    if (url && !gp_hook_url_fits(url)) return "url is invalid";
    if (token && !gp_hook_text_fits(token)) return "token is invalid";
    if (signing && *signing) {
        if (!gp_webhook_key_read(&key, signing, strlen(signing))) return "signing_token is invalid";
        gp_webhook_key_close(&key);
    }
    if (delay && delay->number < 0) return "delay does not have a valid value";
    if (gp_call_integer(call, "retries", 0) < 0 || gp_call_integer(call, "retries", 0) > 10)
        return "retries does not have a valid value";
    if (gp_call_integer(call, "duplicate", 0) < 0 || gp_call_integer(call, "duplicate", 0) > 10)
        return "duplicate does not have a valid value";
    return NULL;
}

int gp_hook_take_text(gp_call *call, const char *name, char **slot)
{
    const char *value = gp_call_string(call, name);
    char *copy = NULL;
    if (!value) return 1;
    if (*value && !(copy = gp_mock_strdup(call->m, value))) return 0;
    free(*slot);
    *slot = copy;
    return 1;
}

static int take_events(gp_call *call, gp_hook *hook)
{
    const gp_json *list = gp_json_get(call->params, "events"), *at;
    int bits = 0;
    if (!list || list->type != GP_JSON_ARRAY) return 1;
    for (at = list->child; at; at = at->next)
        bits |= gp_hook_event_bit(at->string);
    hook->events = bits;
    return bits != 0;
}

static int take(gp_call *call, gp_hook *hook)
{
    const gp_json *delay = gp_json_get(call->params, "delay");
    if (!take_events(call, hook)) return gp_fail_error(call, 400, "events is empty");
    if (!gp_hook_take_text(call, "url", &hook->url) ||
        !gp_hook_take_text(call, "token", &hook->token) ||
        !gp_hook_take_text(call, "signing_token", &hook->signing)) {
        return gp_fail_memory(call);
    }
    hook->retries = gp_call_integer(call, "retries", hook->retries);
    hook->duplicate = gp_call_integer(call, "duplicate", hook->duplicate);
    if (delay && delay->type != GP_JSON_NULL) hook->delay = gp_ms_from_seconds(delay->number);
    hook->reorder = gp_call_boolean(call, "reorder", hook->reorder);
    hook->wrong = gp_call_boolean(call, "wrong_signature", hook->wrong);
    gp_hook_save(call->m, hook);
    return 0;
}

/* The project that is named: 0 and its id, or an error's status. */
static int take_project(gp_call *call, int64_t *id)
{
    const char *name = gp_call_string(call, "project");
    const gp_project *project;
    if (!name || !*name) return 0;
    project = gp_project_find(call->m, name);
    if (!project) return gp_fail(call, 404, "404 Project Not Found");
    *id = project->id;
    return 0;
}

gp_hook *gp_hook_new(const gp_mock *m, int64_t project_id)
{
    gp_hook *hook = calloc(1, sizeof *hook);
    if (!hook) return NULL;
    hook->id = m->next_hook;
    hook->project_id = project_id;
    hook->events = GP_HOOK_PIPELINE | GP_HOOK_JOB | GP_HOOK_DEPLOYMENT;
    hook->retries = 3;
    hook->off_until = GP_MS_NONE;
    hook->created_at = m->now;
    return hook;
}

int gp_hook_enter(gp_mock *m, gp_hook *hook)
{
    if (!gp_list_add(&m->hooks, hook)) {
        gp_store_object(m, "hook", hook->id, NULL);
        return 0;
    }
    m->next_hook++;
    return 1;
}

int gp_create_hook(gp_call *call)
{
    gp_mock *m = call->m;
    const char *problem = bad_field(call);
    gp_hook *hook;
    int64_t project = GP_UNSET;
    int status;
    if (problem) return gp_fail_error(call, 400, problem);
    status = take_project(call, &project);
    if (status) return status;
    hook = gp_hook_new(m, project);
    if (!hook) return gp_fail_memory(call);
    status = take(call, hook);
    if (status || !gp_hook_enter(m, hook)) {
        gp_hook_free(hook);
        return status ? status : gp_fail_memory(call);
    }
    shape(&call->out->body, m, hook, SHOWN);
    return 201;
}

int gp_put_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    const char *problem = bad_field(call);
    int status;
    if (!hook) return gp_fail_record(call);
    if (problem) return gp_fail_error(call, 400, problem);
    status = take_project(call, &hook->project_id);
    if (!status) status = take(call, hook);
    if (status) return status;
    shape(&call->out->body, call->m, hook, SHOWN);
    return 200;
}

void gp_hook_drop(gp_mock *m, gp_hook *hook)
{
    size_t i = m->outbox.items.count;
    while (i > 0) {
        gp_delivery *d = m->outbox.items.items[--i];
        if (d->hook_id != hook->id) continue;
        gp_store_object(m, "delivery", d->id, NULL);
        gp_list_remove(&m->outbox.items, d);
        gp_delivery_free(d);
    }
    gp_store_object(m, "hook", hook->id, NULL);
    gp_list_remove(&m->hooks, hook);
    gp_hook_free(hook);
}

int gp_delete_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    if (!hook) return gp_fail_record(call);
    gp_hook_drop(call->m, hook);
    return 204;
}

int gp_clear_hooks(gp_call *call)
{
    while (call->m->hooks.count)
        gp_hook_drop(call->m, call->m->hooks.items[0]);
    return 204;
}

int gp_answer_deliveries(gp_call *call, const gp_hook *hook, gp_list *rows, gp_delivery_shape *give)
{
    gp_page page = gp_page_of(call, (int64_t)rows->count, 1);
    size_t i;
    gp_out_open(&call->out->body, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last && i < rows->count; i++)
        give(&call->out->body, call->m, hook, rows->items[i]);
    gp_out_close(&call->out->body, ']');
    gp_list_free(rows);
    return 200;
}

int gp_list_deliveries(gp_call *call)
{
    const gp_hook *hook = asked(call);
    const gp_list *all = &call->m->outbox.items;
    const char *state = gp_call_string(call, "state"), *event = gp_call_string(call, "event");
    gp_list rows = {0};
    size_t i;
    if (!hook) return gp_fail_record(call);
    for (i = all->count; i > 0; i--) {
        gp_delivery *d = all->items[i - 1];
        if (d->hook_id != hook->id || (event && d->event != gp_hook_event_bit(event))) continue;
        if (state && strcmp(state, gp_delivery_state_name(d->state)) != 0) continue;
        if (!gp_list_add(&rows, d)) call->m->memory_failed = 1;
    }
    return gp_answer_deliveries(call, hook, &rows, shape_delivery);
}

/* The newest object of that kind that this target may be told of; 0 when there is none. */
static int write_newest(gp_call *call, const gp_hook *hook, int event, gp_buf *body)
{
    gp_mock *m = call->m;
    size_t i, found = 0;
    const gp_pipeline *newest = NULL;
    for (i = 0; i < m->projects.count; i++) {
        const gp_project *project = m->projects.items[i];
        const gp_pipeline *last = project->pipelines.count
                                      ? project->pipelines.items[project->pipelines.count - 1]
                                      : NULL;
        if (hook->project_id != GP_UNSET && hook->project_id != project->id) continue;
        if (event == GP_HOOK_DEPLOYMENT && project->deployments.count && !found) {
            gp_event_write_deployment(
                body, m, project->deployments.items[project->deployments.count - 1], m->now);
            found = 1;
        }
        if (last && (!newest || last->id > newest->id)) newest = last;
    }
    if (event == GP_HOOK_DEPLOYMENT || !newest) return (int)found;
    if (event == GP_HOOK_JOB && newest->jobs.count) {
        gp_event_write_job(body, m, newest->jobs.items[0], m->now);
    } else {
        gp_event_write_pipeline(body, m, newest, m->now);
    }
    return 1;
}

gp_delivery *gp_hook_test_newest(gp_call *call, const gp_hook *hook, int event)
{
    gp_buf body = {.alloc = &call->m->alloc};
    gp_delivery *d = NULL;
    if (write_newest(call, hook, event, &body)) {
        d = gp_hooks_test(call->m, hook, event, &body);
        if (!d) call->m->memory_failed = 1;
    }
    gp_buf_free(&body);
    return d;
}

int gp_test_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    const char *word = gp_call_string(call, "event");
    gp_delivery *d;
    if (!hook) return gp_fail_record(call);
    d = gp_hook_test_newest(call, hook, word ? gp_hook_event_bit(word) : GP_HOOK_PIPELINE);
    if (!d && call->m->memory_failed) return gp_fail_memory(call);
    if (!d) return gp_fail(call, 422, "There is nothing to tell of yet: make a pipeline first");
    shape_delivery(&call->out->body, call->m, hook, d);
    return 201;
}

int gp_resend_delivery(gp_call *call)
{
    gp_hook *hook = asked(call);
    gp_delivery *d = gp_delivery_by_id(&call->m->outbox, gp_call_integer(call, "delivery_id", 0));
    if (!hook || !d || d->hook_id != hook->id) return gp_fail_record(call);
    if (d->state == GP_DELIVERY_SENDING)
        return gp_fail(call, 409, "409 Conflict - the delivery is being sent");
    gp_outbox_resend(&call->m->outbox, d, call->m->now);
    gp_delivery_save(call->m, d);
    shape_delivery(&call->out->body, call->m, hook, d);
    return 201;
}

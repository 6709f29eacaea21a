/* Endpoints over the targets and deliveries that webhooks/ keeps. */
#include "mock/control/hooks.h"

#include <stdlib.h>
#include <string.h>

#include "core/webhook.h"
#include "mock/request/listing.h"
#include "mock/webhooks/hook.h"
#include "mock/webhooks/hook_calls.h"
#include "mock/webhooks/hooks.h"
#include "mock/webhooks/outbox.h"
#include "mock/rows/projects.h"

/* How many deliveries are shown with each target. */
enum { SHOWN = 20 };

static void show_delivery(gp_call *call, const void *row)
{
    const gp_delivery *d = row;
    gp_buf *buf = &call->out->body;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", d->id);
    gp_write_integer(buf, "hook_id", d->hook_id);
    gp_write_string(buf, "event", gp_hook_event_word(d->event));
    gp_write_string(buf, "subject", d->subject);
    gp_write_string(buf, "state", gp_delivery_state_name(d->state));
    gp_write_string(buf, "webhook_id", d->key);
    gp_write_integer(buf, "attempts", d->tries);
    gp_write_time(buf, "created_at", d->created_at);
    gp_write_time(buf, "due_at", d->state == GP_DELIVERY_WAITING ? d->due : GP_MS_NONE);
    gp_write_time(buf, "sent_at", d->sent_at);
    gp_write_time(buf, "answered_at", d->answered_at);
    if (d->status) {
        gp_write_integer(buf, "status", d->status);
    } else {
        gp_write_null(buf, "status");
    }
    gp_write_string(buf, "answer", d->answer);
    gp_delivery_shape_headers(buf, "headers", call->m, gp_hook_by_id(&call->m->hooks, d->hook_id),
                              d);
    gp_write_raw(buf, "payload", d->body, strlen(d->body));
    gp_write_close(buf, '}');
}

static void show(gp_call *call, const void *row)
{
    const gp_hook *hook = row;
    const gp_mock *m = call->m;
    gp_buf *buf = &call->out->body;
    size_t i, shown = SHOWN;
    int bit;
    gp_write_open(buf, NULL, '{');
    gp_write_integer(buf, "id", hook->id);
    gp_write_string(buf, "url", hook->url);
    if (hook->project_id == GP_UNSET) {
        gp_write_null(buf, "project_id");
    } else {
        gp_write_integer(buf, "project_id", hook->project_id);
    }
    gp_write_open(buf, "events", '[');
    for (bit = GP_HOOK_PIPELINE; bit <= GP_HOOK_DEPLOYMENT; bit *= 2) {
        if (hook->events & bit) gp_write_string(buf, NULL, gp_hook_event_word(bit));
    }
    gp_write_close(buf, ']');
    gp_write_boolean(buf, "token_present", hook->token != NULL);
    gp_write_boolean(buf, "signing_token_present", hook->signing != NULL);
    gp_write_integer(buf, "retries", hook->retries);
    gp_write_integer(buf, "duplicate", hook->duplicate);
    gp_write_seconds(buf, "delay", hook->delay);
    gp_write_boolean(buf, "reorder", hook->reorder);
    gp_write_boolean(buf, "wrong_signature", hook->wrong);
    gp_write_string(buf, "alert_status", gp_hook_alert_status(hook, m->now));
    gp_write_time(buf, "disabled_until",
                  gp_hook_executable(hook, m->now) ? GP_MS_NONE : hook->off_until);
    gp_write_integer(buf, "failures", hook->failures);
    gp_write_time(buf, "created_at", hook->created_at);
    gp_write_open(buf, "deliveries", '[');
    for (i = m->outbox.items.count; i > 0 && shown > 0; i--) {
        const gp_delivery *d = m->outbox.items.items[i - 1];
        if (d->hook_id != hook->id) continue;
        show_delivery(call, d);
        shown--;
    }
    gp_write_close(buf, ']');
    gp_write_close(buf, '}');
}

int gp_list_hooks(gp_call *call)
{
    const gp_listing listing = {.rows = &call->m->hooks, .view = show, .whole = 1};
    return gp_listing_respond(call, &listing);
}

static gp_hook *asked(const gp_call *call)
{
    return gp_hook_by_id(&call->m->hooks, gp_call_integer(call, "hook_id", 0));
}

int gp_get_hook(gp_call *call)
{
    const gp_hook *hook = asked(call);
    if (!hook) return gp_fail_record(call);
    show(call, hook);
    return 200;
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

/* Finds the project that the call names: 0 and its id, or the status of an error. */
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
    show(call, hook);
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
    show(call, hook);
    return 200;
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

static int delivery_wanted(const gp_call *call, const void *row, const void *ctx)
{
    const gp_delivery *d = row;
    const char *state = gp_call_string(call, "state"), *event = gp_call_string(call, "event");
    if (d->hook_id != ((const gp_hook *)ctx)->id) return 0;
    if (event && d->event != gp_hook_event_bit(event)) return 0;
    return !state || strcmp(state, gp_delivery_state_name(d->state)) == 0;
}

int gp_list_deliveries(gp_call *call)
{
    const gp_hook *hook = asked(call);
    const gp_listing listing = {.rows = &call->m->outbox.items,
                                .view = show_delivery,
                                .wanted = delivery_wanted,
                                .ctx = hook,
                                .reverse = 1};
    return hook ? gp_listing_respond(call, &listing) : gp_fail_record(call);
}

int gp_test_hook(gp_call *call)
{
    gp_hook *hook = asked(call);
    const char *word = gp_call_string(call, "event");
    gp_delivery *d;
    if (!hook) return gp_fail_record(call);
    d = gp_hook_test_newest(call, hook, word ? gp_hook_event_bit(word) : GP_HOOK_PIPELINE);
    if (!d && call->m->memory_failed) return gp_fail_memory(call);
    if (!d) return gp_fail(call, 422, "There is no event to send yet: create a pipeline first");
    show_delivery(call, d);
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
    show_delivery(call, d);
    return 201;
}

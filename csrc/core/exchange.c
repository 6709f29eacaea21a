#include "core/exchange.h"

#include <math.h>
#include <string.h>

/* Seconds for which RateLimit-Remaining holds when there is no RateLimit-Reset. */
#define QUOTA_WINDOW 60.0

static const char *const reason_names[GP_REASON_COUNT] = {
    [GP_REASON_OK] = "ok",
    [GP_REASON_FAILED] = "failed",
    [GP_REASON_EXHAUSTED] = "exhausted",
    [GP_REASON_OFF] = "off",
    [GP_REASON_DEADLINE] = "deadline",
    [GP_REASON_BUDGET] = "budget",
    [GP_REASON_TOO_LONG] = "too_long",
    [GP_REASON_THROTTLED] = "throttled",
    [GP_REASON_CIRCUIT_OPEN] = "circuit_open",
    [GP_REASON_RECONCILE] = "reconcile",
    [GP_REASON_LOOK_UP] = "look_up",
    [GP_REASON_CANCELLED] = "cancelled",
    [GP_REASON_GATE] = "shared_limits",
};

const char *gp_reason_name(gp_reason reason)
{
    return reason_names[reason];
}

static int sent_by_hook(gp_sent_hook *hook, double now)
{
    return gp_exchange_sent((gp_exchange *)(void *)hook, now);
}

void gp_exchange_init(gp_exchange *exchange, gp_policy *policy, gp_breaker *breaker,
                      const gp_exchange_options *options)
{
    static const gp_exchange fresh = {
        .hook = {sent_by_hook},
        .waiter.subjects = {[GP_RULE_SECOND] = 1, [GP_RULE_MINUTE] = 1},
        .retry_at = -INFINITY,
        .budget_slice = -1};
    *exchange = fresh;
    exchange->policy = policy;
    exchange->breaker = breaker;
    exchange->options = *options;
    exchange->waiter.class = options->class;
    exchange->waiter.subjects[GP_RULE_CREATE] = options->create_subject;
    exchange->waiter.subjects[GP_RULE_JOBS] = options->lists_jobs != 0;
    if (breaker) exchange->call = gp_breaker_call(breaker);
    policy->calls++;
}

static gp_verdict wait_until(double until)
{
    gp_verdict verdict = {GP_VERDICT_WAIT, until, GP_REASON_OK, 0};
    return verdict;
}

static gp_verdict verdict_of(gp_verdict_kind kind)
{
    gp_verdict verdict = {kind, 0, GP_REASON_OK, 0};
    return verdict;
}

static gp_verdict finish(gp_exchange *exchange, double now, gp_reason reason, double retry_after)
{
    exchange->done.kind = GP_VERDICT_DONE;
    exchange->done.reason = reason;
    exchange->done.retry_after = retry_after > 0 ? retry_after : 0;
    gp_exchange_close(exchange, now);
    return exchange->done;
}

/* A call that already had a response ends with that response: the deadline only explains why there
 * was no further attempt. (A redirect does not count as a response.) */
static gp_verdict out_of_time(gp_exchange *exchange, double now, gp_reason first, double wait)
{
    if (exchange->retry.attempts > 0 && !exchange->hopping) {
        return finish(exchange, now, GP_REASON_DEADLINE, fmax(wait, exchange->last_retry_after));
    }
    if (first == GP_REASON_THROTTLED) exchange->policy->throttled++;
    if (first == GP_REASON_CIRCUIT_OPEN) exchange->policy->circuit_open++;
    return finish(exchange, now, first, wait);
}

/* Only reads and cancellations are safe as probes. */
static int may_probe(const gp_exchange *exchange)
{
    return exchange->options.effect == GP_EFFECT_READ ||
           (exchange->options.effect == GP_EFFECT_SET &&
            exchange->options.class == GP_CLASS_CANCEL);
}

/* The breaker holds the request back. A slot that the limiter has granted goes to another. */
static gp_verdict hold_back(gp_exchange *exchange, double now, gp_breaker_decision decision,
                            double until)
{
    double deadline = exchange->options.deadline;
    gp_limiter *limiter = exchange->policy->limiter;
    if (limiter && gp_limiter_give_back(limiter, &exchange->waiter)) exchange->wakes = 1;
    if (decision == GP_BREAKER_PROBE) return verdict_of(GP_VERDICT_PROBE);
    /* A probe in flight may report at any moment, so waiting is worthwhile. */
    if (exchange->breaker->state == GP_BREAKER_HALF_OPEN) {
        if (now < deadline) return wait_until(fmin(until, deadline));
    } else if (until < deadline) {
        return wait_until(until);
    }
    return out_of_time(exchange, now, GP_REASON_CIRCUIT_OPEN, until - now);
}

/* The budget counts what is sent. A retry is taken from it when it is scheduled, so that none waits
 * in vain, and checked against it again when it is sent. */
static int within_budget(gp_exchange *exchange, double now)
{
    int64_t slice = exchange->budget_slice;
    exchange->budget_slice = -1;
    if (slice < 0 || gp_budget_move(&exchange->policy->budget, slice, now)) return 1;
    exchange->policy->budget_denied++;
    return 0;
}

static void count_attempt(gp_exchange *exchange, double now)
{
    gp_policy *policy = exchange->policy;
    if (exchange->retry.attempts++ == 0) {
        gp_budget_call(&policy->budget, now);
    } else {
        policy->retried++;
    }
    policy->attempts++;
}

gp_verdict gp_exchange_next(gp_exchange *exchange, double now)
{
    gp_policy *policy = exchange->policy;
    gp_breaker_decision decision;
    double until = now;
    if (exchange->done.kind == GP_VERDICT_DONE) return exchange->done;
    if (exchange->in_flight) return verdict_of(GP_VERDICT_SEND);
    if (now > exchange->options.deadline) {
        return out_of_time(exchange, now, GP_REASON_DEADLINE, 0);
    }
    if (now < exchange->retry_at) return wait_until(exchange->retry_at);
    if (exchange->breaker) {
        decision = gp_breaker_ask(exchange->breaker, now, may_probe(exchange), &until);
        if (decision != GP_BREAKER_PASS) return hold_back(exchange, now, decision, until);
    }
    if (policy->limiter && !gp_limiter_admit(policy->limiter, &exchange->waiter, now, &until)) {
        if (policy->limiter->gate && policy->limiter->gate->problem) {
            return finish(exchange, now, GP_REASON_GATE, 0);
        }
        if (until < exchange->options.deadline) return wait_until(until);
        return out_of_time(exchange, now, GP_REASON_THROTTLED, until - now);
    }
    if (!within_budget(exchange, now)) {
        if (policy->limiter && gp_limiter_give_back(policy->limiter, &exchange->waiter)) {
            exchange->wakes = 1;
        }
        return finish(exchange, now, GP_REASON_BUDGET, exchange->last_retry_after);
    }
    if (exchange->breaker) {
        exchange->ticket = gp_breaker_enter(exchange->breaker, now);
    }
    if (!exchange->hopping) count_attempt(exchange, now);
    exchange->in_flight = 1;
    exchange->sent_at = 0;
    return verdict_of(GP_VERDICT_SEND);
}

int gp_exchange_sent(gp_exchange *exchange, double now)
{
    gp_limiter *limiter = exchange->policy->limiter;
    if (!exchange->in_flight) return 1;
    if (limiter && !gp_limiter_sent(limiter, &exchange->waiter, now)) return 0;
    exchange->sent_at = now;
    return 1;
}

/* What the response says about the server's health. */
static gp_breaker_result health(const gp_exchange *exchange, const gp_answer *response,
                                gp_outcome outcome, double now)
{
    int status = response->status;
    if (status == 502 || status == 503 || status == 504) return GP_BREAKER_FAILURE;
    if (status >= 400) return GP_BREAKER_ANSWERED;
    if (status > 0) return GP_BREAKER_SUCCESS;
    if (outcome != GP_OUTCOME_NEVER_SENT && outcome != GP_OUTCOME_UNKNOWN) {
        return GP_BREAKER_NEUTRAL;
    }
    /* Ended by our own deadline, which says nothing about the server. */
    return now >= exchange->options.deadline ? GP_BREAKER_NEUTRAL : GP_BREAKER_FAILURE;
}

static void report_to_breaker(gp_exchange *exchange, double now, gp_breaker_result result,
                              double server_time)
{
    if (!exchange->breaker) return;
    if (server_time > exchange->policy->max_wait) server_time = exchange->policy->max_wait;
    if (gp_breaker_report(exchange->breaker, now, exchange->ticket, exchange->call, result,
                          server_time)) {
        exchange->wakes = 1;
    }
}

/* Applies RateLimit-Remaining until the reset time in the same response. */
static int apply_quota(const gp_exchange *exchange, const gp_answer *response, double now)
{
    gp_limiter *limiter = exchange->policy->limiter;
    double length = QUOTA_WINDOW;
    gp_limiter_word report = {0};
    const char *name = response->ratelimit_name ? response->ratelimit_name : "";
    gp_answer reset = {0};
    if (!gp_retry_number(response->ratelimit_remaining, &report.left)) return 0;
    reset.status = 429;
    reset.date = response->date;
    reset.ratelimit_reset = response->ratelimit_reset;
    if (response->ratelimit_reset) length = gp_retry_server_delay(&reset, now);
    /* A reset in the past belongs to a window that has ended. */
    if (length <= 0) return 0;
    report.name = gp_limiter_subject(name, strlen(name));
    report.sent = exchange->sent_at > 0 ? exchange->sent_at : now;
    report.until = now + length;
    return gp_limiter_quota(limiter, &exchange->waiter, &report, now);
}

/* Closes the windows that a refusal is about. */
static void apply_refusal(gp_exchange *exchange, const gp_answer *response, gp_outcome outcome,
                          double now, double wait)
{
    gp_limiter *limiter = exchange->policy->limiter;
    const gp_waiter *waiter = &exchange->waiter;
    if (gp_retry_is_creation_limit(response)) {
        /* GitLab counts creations per minute and sends no time. */
        double length = limiter->rules[GP_RULE_CREATE].length;
        gp_limiter_drain(limiter, waiter, GP_RULE_CREATE, now, now + fmax(length, wait));
        return;
    }
    if (response->status != 429 || wait <= 0) return;
    /* The application's limit covers this endpoint; the middleware's covers all requests. */
    if (outcome == GP_OUTCOME_REFUSED && !gp_retry_is_plain(response) &&
        (waiter->subjects[GP_RULE_CREATE] || waiter->subjects[GP_RULE_JOBS])) {
        gp_limiter_drain(limiter, waiter, GP_RULE_CREATE, now, now + wait);
        gp_limiter_drain(limiter, waiter, GP_RULE_JOBS, now, now + wait);
        return;
    }
    gp_limiter_drain(limiter, waiter, GP_RULE_SECOND, now, now + wait);
    gp_limiter_drain(limiter, waiter, GP_RULE_MINUTE, now, now + wait);
}

/* Schedules a retry after `delay` seconds, or ends the exchange with the reason against it. */
static gp_verdict schedule_retry(gp_exchange *exchange, double now, gp_retry_row row, int may_retry,
                                 double server_time, double delay)
{
    gp_policy *policy = exchange->policy;
    double retry_after = server_time > 0 ? server_time : 0;
    if (!policy->retries || exchange->options.no_retry) {
        return finish(exchange, now, GP_REASON_OFF, retry_after);
    }
    if (!may_retry) return finish(exchange, now, GP_REASON_EXHAUSTED, retry_after);
    if (server_time > policy->max_wait) {
        return finish(exchange, now, GP_REASON_TOO_LONG, retry_after);
    }
    if (now + delay >= exchange->options.deadline) {
        return finish(exchange, now, GP_REASON_DEADLINE, retry_after > 0 ? retry_after : delay);
    }
    if (row != GP_ROW_THROTTLED) {
        if (!gp_budget_take(&policy->budget, now)) {
            policy->budget_denied++;
            return finish(exchange, now, GP_REASON_BUDGET, retry_after);
        }
        exchange->budget_slice = policy->budget.slice;
    }
    exchange->retry_at = now + delay;
    return wait_until(exchange->retry_at);
}

/* Ends the attempt: releases its slots, and passes on what this origin's response says. */
static void settle_attempt(gp_exchange *exchange, double now, const gp_answer *response,
                           gp_outcome outcome, double server_time)
{
    gp_limiter *limiter = exchange->policy->limiter;
    exchange->in_flight = 0;
    if (limiter && gp_limiter_end(limiter, &exchange->waiter, now)) exchange->wakes = 1;
    if (limiter && response->ratelimit_remaining && apply_quota(exchange, response, now)) {
        exchange->wakes = 1;
    }
    report_to_breaker(exchange, now, health(exchange, response, outcome, now),
                      response->status == 503 ? server_time : 0);
}

void gp_exchange_moved(gp_exchange *exchange, double now, const gp_answer *response)
{
    if (!exchange->in_flight) return;
    settle_attempt(exchange, now, response, GP_OUTCOME_OK, 0);
    if (response->status == 0) exchange->doubtful = 1;
    exchange->hopping = 1;
}

gp_verdict gp_exchange_feed(gp_exchange *exchange, double now, double random,
                            const gp_answer *response)
{
    static const gp_answer redirect = {.status = 302};
    gp_limiter *limiter = response->foreign ? NULL : exchange->policy->limiter;
    gp_outcome outcome = gp_retry_classify(response);
    gp_retry_row row;
    gp_action action = gp_retry_action(exchange->options.effect, outcome);
    double server_time = 0, delay;
    int may_retry;
    if (exchange->done.kind == GP_VERDICT_DONE) return exchange->done;
    if (outcome != GP_OUTCOME_OK) server_time = gp_retry_server_delay(response, now);
    exchange->last_retry_after = server_time > 0 ? server_time : 0;
    if (response->foreign) {
        gp_exchange_moved(exchange, now, &redirect);
    } else {
        settle_attempt(exchange, now, response, outcome, server_time);
    }
    exchange->hopping = 0;
    if (action == GP_ACTION_SUCCEED) return finish(exchange, now, GP_REASON_OK, 0);
    if (outcome == GP_OUTCOME_FAILED || outcome == GP_OUTCOME_UNKNOWN ||
        outcome == GP_OUTCOME_UNREADABLE) {
        exchange->doubtful = 1;
    }
    row = gp_retry_row_of(outcome, response->status);
    may_retry = action == GP_ACTION_RETRY && gp_retry_count(&exchange->retry, row);
    delay = gp_retry_delay(row, exchange->retry.ended[row], server_time, random);
    if (limiter && (response->status == 429 || response->status == 400)) {
        apply_refusal(exchange, response, outcome, now,
                      outcome == GP_OUTCOME_REFUSED && server_time <= 0 ? delay : server_time);
    }
    switch (action) {
    case GP_ACTION_RETRY:
        return schedule_retry(exchange, now, row, may_retry, server_time, delay);
    case GP_ACTION_RECONCILE:
        return finish(exchange, now, GP_REASON_RECONCILE, server_time);
    case GP_ACTION_LOOK_UP:
        return finish(exchange, now, GP_REASON_LOOK_UP, 0);
    default:
        return finish(exchange, now,
                      outcome == GP_OUTCOME_CANCELLED ? GP_REASON_CANCELLED : GP_REASON_FAILED,
                      server_time);
    }
}

void gp_exchange_close(gp_exchange *exchange, double now)
{
    gp_limiter *limiter = exchange->policy->limiter;
    if (exchange->in_flight) {
        exchange->in_flight = 0;
        report_to_breaker(exchange, now, GP_BREAKER_NEUTRAL, 0);
    }
    if (limiter && gp_limiter_end(limiter, &exchange->waiter, now)) exchange->wakes = 1;
    if (exchange->done.kind != GP_VERDICT_DONE) {
        exchange->done.kind = GP_VERDICT_DONE;
        exchange->done.reason = GP_REASON_CANCELLED;
    }
}

int gp_exchange_wakes(gp_exchange *exchange)
{
    int wakes = exchange->wakes;
    exchange->wakes = 0;
    return wakes;
}

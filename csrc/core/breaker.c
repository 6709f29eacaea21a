#include "core/breaker.h"

#include <string.h>

void gp_breaker_init(gp_breaker *breaker, const gp_breaker_config *config)
{
    memset(breaker, 0, sizeof(*breaker));
    breaker->config = *config;
}

uint64_t gp_breaker_call(gp_breaker *breaker)
{
    return ++breaker->calls;
}

static void change(gp_breaker *breaker, gp_breaker_state state)
{
    breaker->state = state;
    breaker->era++;
    breaker->failures = 0;
    breaker->successes = 0;
    breaker->several_calls = 0;
    breaker->probe = 0;
}

static void open_breaker(gp_breaker *breaker, double now, double retry_after)
{
    change(breaker, GP_BREAKER_OPEN);
    breaker->open_until = now + (retry_after > 0 ? retry_after : breaker->config.reset);
    breaker->opened++;
}

gp_breaker_state gp_breaker_state_at(const gp_breaker *breaker, double now)
{
    if (breaker->state == GP_BREAKER_OPEN && now >= breaker->open_until) {
        return GP_BREAKER_HALF_OPEN;
    }
    return breaker->state;
}

gp_breaker_decision gp_breaker_ask(gp_breaker *breaker, double now, int may_probe, double *until)
{
    if (breaker->state == GP_BREAKER_CLOSED) return GP_BREAKER_PASS;
    if (breaker->state == GP_BREAKER_OPEN) {
        if (now < breaker->open_until) {
            *until = breaker->open_until;
            return GP_BREAKER_WAIT;
        }
        change(breaker, GP_BREAKER_HALF_OPEN);
    }
    if (breaker->probe && now < breaker->probe_until) {
        *until = breaker->probe_until;
        return GP_BREAKER_WAIT;
    }
    return may_probe ? GP_BREAKER_PASS : GP_BREAKER_PROBE;
}

gp_breaker_ticket gp_breaker_enter(gp_breaker *breaker, double now)
{
    gp_breaker_ticket ticket = {breaker->era, 0};
    if (breaker->state == GP_BREAKER_HALF_OPEN) {
        /* Numbered, so that a late probe cannot free its successor's slot. */
        breaker->probe = ticket.probe = ++breaker->probes;
        breaker->probe_until = now + breaker->config.probe_timeout;
    }
    return ticket;
}

static int report_probe(gp_breaker *breaker, double now, gp_breaker_ticket ticket,
                        gp_breaker_result result, double retry_after)
{
    /* A late failure opens the breaker too, even if another probe has the slot by now. Otherwise
     * a request timeout equal to the slot's would count only when it happened to come first. */
    if (result == GP_BREAKER_FAILURE) {
        open_breaker(breaker, now, retry_after);
        return 1;
    }
    /* Another probe has the slot now, and that one decides. */
    if (ticket.probe != breaker->probe) return 0;
    breaker->probe = 0;
    if (result != GP_BREAKER_NEUTRAL && ++breaker->successes >= breaker->config.successes) {
        change(breaker, GP_BREAKER_CLOSED);
    }
    return 1;
}

int gp_breaker_report(gp_breaker *breaker, double now, gp_breaker_ticket ticket, uint64_t call,
                      gp_breaker_result result, double retry_after)
{
    if (ticket.era != breaker->era) return 0;
    if (breaker->state == GP_BREAKER_HALF_OPEN) {
        return report_probe(breaker, now, ticket, result, retry_after);
    }
    if (result == GP_BREAKER_NEUTRAL || result == GP_BREAKER_ANSWERED) return 0;
    if (result == GP_BREAKER_SUCCESS) {
        breaker->failures = 0;
        breaker->several_calls = 0;
        return 0;
    }
    /* Five failed attempts of one call are not enough evidence: a second call must fail too. */
    if (breaker->failures == 0) {
        breaker->failing_call = call;
    } else if (breaker->failing_call != call) {
        breaker->several_calls = 1;
    }
    if (breaker->failures < breaker->config.failures) breaker->failures++;
    if (breaker->failures < breaker->config.failures || !breaker->several_calls) return 0;
    open_breaker(breaker, now, retry_after);
    return 1;
}

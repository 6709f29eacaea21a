/*
 * Measures one decision in C: admitting a request (two windows, breaker, budget) and classifying
 * its response; and, for comparison, the SHA-256 of 1 KiB.
 * usage: decide [SECONDS]      prints: decide_ns=N sha256_ns=N
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "core/exchange.h"

/* Both are timed in rounds, and the fastest counts, to exclude other load on the machine. */
#define ROUND 2000

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One call with the most common response: 200 without rate-limit headers. */
static void decide_once(gp_policy *policy, gp_breaker *breaker, double now)
{
    gp_exchange_options options = {GP_EFFECT_READ, GP_CLASS_READ, INFINITY, 0, 0, 0};
    gp_exchange exchange;
    gp_answer answer = {0};
    answer.status = 200;
    answer.content_type = "application/json";
    gp_exchange_init(&exchange, policy, breaker, &options);
    if (gp_exchange_next(&exchange, now).kind != GP_VERDICT_SEND) exit(1);
    gp_exchange_sent(&exchange, now);
    if (gp_exchange_feed(&exchange, now, 0.5, &answer).reason != GP_REASON_OK) exit(1);
}

static double time_decisions(double seconds)
{
    const gp_limit_rule rules[GP_LIMITER_RULES] = {
        {10, 1, 1}, {600, 60, 1}, {25, 60, 0}, {600, 60, 1}};
    const gp_breaker_config config = {5, 2, 30, 30};
    gp_policy policy;
    gp_breaker breaker;
    double end = clock_now() + seconds, best = INFINITY, now = 1767225600;
    int i;
    memset(&policy, 0, sizeof(policy));
    policy.retries = 1;
    policy.max_wait = 300;
    policy.limiter = gp_limiter_init(malloc(gp_limiter_bytes(rules)), rules);
    gp_budget_init(&policy.budget, 0.2, 10);
    gp_breaker_init(&breaker, &config);
    while (clock_now() < end) {
        double start = clock_now();
        /* As fast as the windows allow: 10 a second, so that both are nearly full. */
        for (i = 0; i < ROUND; i++)
            decide_once(&policy, &breaker, now += 0.1001);
        best = fmin(best, clock_now() - start);
    }
    free(policy.limiter);
    return best / ROUND * 1e9;
}

static double time_digests(double seconds)
{
    unsigned char text[1024] = {0}, digest[EVP_MAX_MD_SIZE];
    unsigned int size;
    double end = clock_now() + seconds, best = INFINITY;
    int i;
    while (clock_now() < end) {
        double start = clock_now();
        for (i = 0; i < ROUND; i++) {
            text[0] = (unsigned char)i;
            EVP_Digest(text, sizeof(text), digest, &size, EVP_sha256(), NULL);
        }
        best = fmin(best, clock_now() - start);
    }
    return best / ROUND * 1e9;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    printf("decide_ns=%.1f sha256_ns=%.1f\n", time_decisions(seconds), time_digests(seconds));
    return 0;
}

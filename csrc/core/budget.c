#include "core/budget.h"

#include <math.h>
#include <string.h>

#define SLICES_A_SECOND ((GP_BUDGET_SLICES - 1) / GP_BUDGET_WINDOW)

void gp_budget_init(gp_budget *budget, double share, int floor)
{
    memset(budget, 0, sizeof(*budget));
    budget->share = share;
    budget->floor = floor;
}

/* Clears the slices that have left the window and returns the index of the current one. An earlier
 * `now` counts in the newest slice. */
static int advance(gp_budget *budget, double now)
{
    int64_t slice = (int64_t)(now * SLICES_A_SECOND);
    if (slice - budget->slice >= GP_BUDGET_SLICES) {
        memset(budget->calls, 0, sizeof(budget->calls));
        memset(budget->retries, 0, sizeof(budget->retries));
        budget->calls_sum = budget->retries_sum = 0;
        budget->slice = slice;
    }
    while (budget->slice < slice) {
        int at = (int)(++budget->slice % GP_BUDGET_SLICES);
        budget->calls_sum -= budget->calls[at];
        budget->retries_sum -= budget->retries[at];
        budget->calls[at] = budget->retries[at] = 0;
    }
    return (int)(budget->slice % GP_BUDGET_SLICES);
}

void gp_budget_call(gp_budget *budget, double now)
{
    int at = advance(budget, now);
    budget->calls[at]++;
    budget->calls_sum++;
}

int gp_budget_left(gp_budget *budget, double now)
{
    double allowed;
    int oldest;
    /* The oldest slice is partly outside the window, so its first attempts do not count. */
    oldest = (advance(budget, now) + 1) % GP_BUDGET_SLICES;
    allowed = floor(budget->share * (double)(budget->calls_sum - budget->calls[oldest]));
    if (allowed < budget->floor) allowed = budget->floor;
    return allowed > (double)budget->retries_sum ? (int)(allowed - (double)budget->retries_sum) : 0;
}

int gp_budget_take(gp_budget *budget, double now)
{
    int at;
    if (gp_budget_left(budget, now) <= 0) return 0;
    at = advance(budget, now);
    budget->retries[at]++;
    budget->retries_sum++;
    return 1;
}

int gp_budget_move(gp_budget *budget, int64_t slice, double now)
{
    advance(budget, now);
    if (budget->slice - slice < GP_BUDGET_SLICES) {
        budget->retries[slice % GP_BUDGET_SLICES]--;
        budget->retries_sum--;
    }
    return gp_budget_take(budget, now);
}

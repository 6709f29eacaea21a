#include "core/status.h"

#include <string.h>

typedef struct status_row {
    const char *name;
    gp_status_kind kind;
} status_row;

static const status_row rows[GP_STATUS_COUNT] = {
    [GP_STATUS_NONE] = {NULL, GP_KIND_UNKNOWN},
    [GP_STATUS_CREATED] = {"created", GP_KIND_ALIVE},
    [GP_STATUS_WAITING_FOR_RESOURCE] = {"waiting_for_resource", GP_KIND_ACTIVE},
    [GP_STATUS_PREPARING] = {"preparing", GP_KIND_ACTIVE},
    [GP_STATUS_WAITING_FOR_CALLBACK] = {"waiting_for_callback", GP_KIND_ACTIVE},
    [GP_STATUS_PENDING] = {"pending", GP_KIND_ACTIVE},
    [GP_STATUS_RUNNING] = {"running", GP_KIND_ACTIVE},
    [GP_STATUS_SUCCESS] = {"success", GP_KIND_FINISHED},
    [GP_STATUS_FAILED] = {"failed", GP_KIND_FINISHED},
    [GP_STATUS_CANCELING] = {"canceling", GP_KIND_ALIVE},
    [GP_STATUS_CANCELED] = {"canceled", GP_KIND_FINISHED},
    [GP_STATUS_SKIPPED] = {"skipped", GP_KIND_FINISHED},
    [GP_STATUS_MANUAL] = {"manual", GP_KIND_BLOCKED},
    [GP_STATUS_SCHEDULED] = {"scheduled", GP_KIND_BLOCKED},
    [GP_STATUS_WARNED] = {"warned", GP_KIND_FINISHED},
    [GP_STATUS_IGNORED] = {"ignored", GP_KIND_BLOCKED},
};

/* What only deployments say. */
static const status_row deployment_rows[] = {
    {"blocked", GP_KIND_BLOCKED},
    {"approved", GP_KIND_ALIVE},
    {"rejected", GP_KIND_ALIVE},
};

static const char *const kind_names[] = {
    [GP_KIND_UNKNOWN] = "unknown", [GP_KIND_ALIVE] = "alive",       [GP_KIND_ACTIVE] = "active",
    [GP_KIND_BLOCKED] = "blocked", [GP_KIND_FINISHED] = "finished",
};

const char *gp_status_name(gp_status status)
{
    return (unsigned)status < GP_STATUS_COUNT ? rows[status].name : NULL;
}

static int same(const char *name, const char *text, size_t len)
{
    return strlen(name) == len && !memcmp(name, text, len);
}

gp_status gp_status_from_name(const char *name, size_t len)
{
    int status;
    for (status = GP_STATUS_CREATED; status < GP_STATUS_WARNED; status++) {
        if (same(rows[status].name, name, len)) return (gp_status)status;
    }
    return GP_STATUS_NONE;
}

gp_status_kind gp_status_kind_of(gp_status status)
{
    return (unsigned)status < GP_STATUS_COUNT ? rows[status].kind : GP_KIND_UNKNOWN;
}

gp_status_kind gp_status_kind_of_name(const char *name, size_t len)
{
    size_t i;
    for (i = 0; i < sizeof deployment_rows / sizeof *deployment_rows; i++) {
        if (same(deployment_rows[i].name, name, len)) return deployment_rows[i].kind;
    }
    return gp_status_kind_of(gp_status_from_name(name, len));
}

const char *gp_status_kind_name(gp_status_kind kind)
{
    return kind_names[kind];
}

int gp_status_is_finished(gp_status status)
{
    return gp_status_kind_of(status) == GP_KIND_FINISHED;
}

gp_status gp_status_symbol(gp_status status, int allow_failure)
{
    if (status == GP_STATUS_NONE) return GP_STATUS_RUNNING;
    if (!allow_failure) return status;
    if (status == GP_STATUS_FAILED || status == GP_STATUS_CANCELED) return GP_STATUS_WARNED;
    return status == GP_STATUS_MANUAL ? GP_STATUS_IGNORED : status;
}

#define CREATED   GP_STATUS_BIT(GP_STATUS_CREATED)
#define RESOURCE  GP_STATUS_BIT(GP_STATUS_WAITING_FOR_RESOURCE)
#define PREPARING GP_STATUS_BIT(GP_STATUS_PREPARING)
#define CALLBACK  GP_STATUS_BIT(GP_STATUS_WAITING_FOR_CALLBACK)
#define PENDING   GP_STATUS_BIT(GP_STATUS_PENDING)
#define RUNNING   GP_STATUS_BIT(GP_STATUS_RUNNING)
#define SUCCESS   GP_STATUS_BIT(GP_STATUS_SUCCESS)
#define CANCELING GP_STATUS_BIT(GP_STATUS_CANCELING)
#define CANCELED  GP_STATUS_BIT(GP_STATUS_CANCELED)
#define SKIPPED   GP_STATUS_BIT(GP_STATUS_SKIPPED)
#define MANUAL    GP_STATUS_BIT(GP_STATUS_MANUAL)
#define SCHEDULED GP_STATUS_BIT(GP_STATUS_SCHEDULED)
#define WARNED    GP_STATUS_BIT(GP_STATUS_WARNED)
#define IGNORED   GP_STATUS_BIT(GP_STATUS_IGNORED)

/* ONLY: no symbol outside the set. ANY: at least one of it. The first that holds decides. */
typedef struct rule {
    enum { ONLY, ANY, ANY_WITH_NEEDS } when;
    unsigned set;
    gp_status result;
} rule;

static const rule rules[] = {
    {ANY_WITH_NEEDS, SKIPPED | IGNORED, GP_STATUS_SKIPPED},
    {ONLY, SKIPPED | IGNORED, GP_STATUS_SKIPPED},
    {ONLY, SUCCESS | SKIPPED | WARNED | IGNORED, GP_STATUS_SUCCESS},
    {ONLY, CREATED | WARNED | IGNORED, GP_STATUS_CREATED},
    {ONLY, PREPARING | WARNED | IGNORED, GP_STATUS_PREPARING},
    {ONLY, CANCELED | SUCCESS | SKIPPED | WARNED | IGNORED, GP_STATUS_CANCELED},
    {ONLY, PENDING | CREATED | SKIPPED | WARNED | IGNORED, GP_STATUS_PENDING},
    {ANY, RUNNING | PENDING, GP_STATUS_RUNNING},
    {ANY, RESOURCE, GP_STATUS_WAITING_FOR_RESOURCE},
    {ANY, CALLBACK, GP_STATUS_WAITING_FOR_CALLBACK},
    {ANY, MANUAL, GP_STATUS_MANUAL},
    {ANY, SCHEDULED, GP_STATUS_SCHEDULED},
    {ANY, PREPARING, GP_STATUS_PREPARING},
    {ANY, CREATED, GP_STATUS_RUNNING},
    {ANY, CANCELING, GP_STATUS_CANCELING},
};

gp_status gp_status_compose(unsigned symbols, int has_needs)
{
    size_t i;
    if (!symbols) return GP_STATUS_NONE;
    for (i = 0; i < sizeof rules / sizeof *rules; i++) {
        const rule *r = &rules[i];
        int holds = r->when == ONLY ? !(symbols & ~r->set) : (symbols & r->set) != 0;
        if (holds && (r->when != ANY_WITH_NEEDS || has_needs)) return r->result;
    }
    return GP_STATUS_FAILED;
}

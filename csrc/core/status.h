/*
 * Statuses of pipelines, stages and jobs: their names, their kinds, and how the status of a
 * pipeline or stage is composed from its jobs.
 *
 * A job becomes one symbol (a job that may fail and did is `warned`, an optional manual job is
 * `ignored`, any other is its own status); the set of symbols, without counts, is then matched
 * against GitLab's rules, and the first that holds decides.
 *
 *     unsigned set = 0;
 *     for each job: set |= GP_STATUS_BIT(gp_status_symbol(job.status, job.allow_failure));
 *     status = gp_status_compose(set, 0);
 *
 * Pure functions over static tables.
 */
#ifndef GP_STATUS_H
#define GP_STATUS_H

#include <stddef.h>

/* The order is only an order. GP_STATUS_NONE is no status at all: an empty set's composite, an
 * unknown name. WARNED and IGNORED are symbols, which no job and no pipeline shows. */
typedef enum gp_status {
    GP_STATUS_NONE = 0,
    GP_STATUS_CREATED,
    GP_STATUS_WAITING_FOR_RESOURCE,
    GP_STATUS_PREPARING,
    GP_STATUS_WAITING_FOR_CALLBACK,
    GP_STATUS_PENDING,
    GP_STATUS_RUNNING,
    GP_STATUS_SUCCESS,
    GP_STATUS_FAILED,
    GP_STATUS_CANCELING,
    GP_STATUS_CANCELED,
    GP_STATUS_SKIPPED,
    GP_STATUS_MANUAL,
    GP_STATUS_SCHEDULED,
    GP_STATUS_WARNED,
    GP_STATUS_IGNORED,
    GP_STATUS_COUNT
} gp_status;

/* What to expect of an object with a status. */
typedef enum gp_status_kind {
    GP_KIND_UNKNOWN = 0, /* an unknown name: not finished */
    GP_KIND_ALIVE,       /* proceeds by itself, but is neither queued nor running */
    GP_KIND_ACTIVE,      /* queued or running */
    GP_KIND_BLOCKED,     /* waits for a person or a scheduled time */
    GP_KIND_FINISHED     /* changes only by a retry */
} gp_status_kind;

#define GP_STATUS_BIT(status) (1u << (unsigned)(status))

/* "waiting_for_resource"; "warned" and "ignored" for the symbols; NULL for NONE and COUNT. */
const char *gp_status_name(gp_status status);

/* The status of that name, symbols excluded; GP_STATUS_NONE for any other. */
gp_status gp_status_from_name(const char *name, size_t len);

gp_status_kind gp_status_kind_of(gp_status status);

/* The kind of a name, the deployments' `blocked`, `approved` and `rejected` included. */
gp_status_kind gp_status_kind_of_name(const char *name, size_t len);

/* "unknown", "alive", "active", "blocked", "finished". */
const char *gp_status_kind_name(gp_status_kind kind);

int gp_status_is_finished(gp_status status);

/* The symbol of one job. GP_STATUS_NONE (a status this code does not know) is taken as running:
 * an unknown status keeps its pipeline unfinished. */
gp_status gp_status_symbol(gp_status status, int allow_failure);

/*
 * The composite of a set of symbols (bits made by GP_STATUS_BIT). `has_needs` is for deciding
 * whether a job with `needs` may start, never for a stage or a pipeline. The empty set gives
 * GP_STATUS_NONE, which stages and pipelines show as `success`.
 */
gp_status gp_status_compose(unsigned symbols, int has_needs);

#endif

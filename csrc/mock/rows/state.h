/*
 * The rows of the simulated GitLab, as they live in memory, and the object that holds them.
 *
 * Reads look at these rows and nothing else; whoever changes one marks it (gp_store_touch_...), and
 * what is marked is written through to SQLite once, at the end of the request, in one transaction.
 * Times are whole milliseconds, so that a row read back is the row that was written.
 */
#ifndef GP_MOCK_ROWS_STATE_H
#define GP_MOCK_ROWS_STATE_H

#include <sqlite3.h>

#include "core/http_message.h"
#include "core/status.h"
#include "mock/base/ids.h"
#include "mock/base/json.h"
#include "mock/base/json_writer.h"
#include "mock/rows/hook.h"

typedef struct gp_store gp_store;
typedef struct gp_mock gp_mock;
typedef struct gp_project gp_project;
typedef struct gp_pipeline gp_pipeline;
typedef struct gp_job gp_job;
typedef struct gp_deployment gp_deployment;
typedef struct gp_entity gp_entity;
typedef struct gp_restore gp_restore;

/* Callbacks for changes, with their time: higher floors follow the engine through them. */
typedef struct gp_observer {
    void (*job_changed)(gp_mock *m, gp_job *job, gp_ms at); /* a new job, or a new status */
    void (*pipeline_changed)(gp_mock *m, gp_pipeline *p, gp_ms at);
    void (*deployment_changed)(gp_mock *m, gp_deployment *deployment, gp_ms at);
} gp_observer;

/* Why the database has refused to write. */
typedef enum gp_store_failure {
    GP_STORE_GOOD,
    GP_STORE_FULL,   /* no space on the disk, or the file has reached its greatest size */
    GP_STORE_LOCKED, /* another process writes, or holds a lock */
    GP_STORE_BROKEN  /* anything else, such as a disk error */
} gp_store_failure;

/* A number that is not set: NULL in the tables. */
#define GP_UNSET (-1)

typedef struct gp_mock_scenario {
    int64_t id;
    char *name;
    int64_t after; /* seconds, or GP_UNSET */
    gp_status terminal;
    int never;
    int preset;
} gp_mock_scenario;

/* A loaded world: its tree. Older worlds stay in memory, since a pipeline keeps the world in which
 * it was created. */
typedef struct gp_world {
    int64_t id;
    gp_arena arena;
    gp_json *root;
} gp_world;

typedef struct gp_user {
    int64_t id;
    const char *username;
    const char *name;
} gp_user;

/* Roles by GitLab's numbers. */
enum { GP_ROLE_NONE = 0, GP_ROLE_DEVELOPER = 30, GP_ROLE_MAINTAINER = 40, GP_ROLE_OWNER = 50 };

enum gp_scope_bits { GP_SCOPE_READ = 1, GP_SCOPE_API = 2, GP_SCOPE_ROTATE = 4 };

struct gp_project {
    int64_t id;
    char *path;
    const gp_json *def;         /* in the current world, or NULL */
    const char *variables_role; /* set by PUT, or NULL: the world's */
    int restricts;              /* set by PUT, or GP_UNSET: as the role says */
    int64_t next_iid;
    int64_t next_deployment_iid;
    gp_list pipelines;    /* by id, ascending */
    gp_list environments; /* gp_environment *, by id */
    gp_list deployments;  /* gp_deployment *, by id */
    gp_list triggers;     /* gp_trigger *, by id */
    gp_list variables;    /* gp_variable *, in order of creation */
};

/* What determines the course of a pipeline. */
typedef enum gp_rule {
    GP_RULE_WORLD = 0, /* its jobs, step by step */
    GP_RULE_SCENARIO,  /* a scenario, overrides, or neither: it runs forever */
    GP_RULE_HELD       /* a status set by /_mock/ */
} gp_rule;

struct gp_pipeline {
    int64_t id, iid;
    gp_project *project;
    char *ref;
    char *name;
    char *variables; /* JSON array of {key, value, variable_type} */
    const char *source;
    char sha[41];
    int tag;
    gp_status status;
    gp_rule rule;
    int64_t scenario_id; /* or GP_UNSET */
    int64_t after;       /* terminal_after_seconds, or GP_UNSET */
    gp_status terminal;  /* terminal_status, or NONE */
    int never;           /* 0, 1, or GP_UNSET */
    gp_ms rule_since;    /* when the rule was last set */
    gp_ms created_at, updated_at, started_at, finished_at;
    gp_ms duration; /* running time, known once it is complete */
    gp_ms wake;     /* when its created jobs are first evaluated, or NEVER */
    gp_ms due;      /* its next event, or NEVER */
    size_t heap_at; /* place in the heap + 1; 0: not in it */
    const gp_world *world;
    const gp_json *job_defs; /* array of the world's jobs, NULL for a scenario's */
    char *def_path; /* of a child: places of the trigger jobs that lead to its job_defs, "2/0" */
    int64_t user_id;
    int64_t upstream_job_id; /* the trigger job that made it, or GP_UNSET */
    int64_t first_job_id;
    gp_list jobs;     /* every attempt, by id */
    gp_list versions; /* earlier states, see lag.c */
    int dirty, jobs_stored;
};

struct gp_job {
    int64_t id;
    gp_pipeline *pipeline;
    const char *name, *stage; /* in the world's arena, or literals */
    int stage_index;
    int position; /* in the world's list: kept by every attempt */
    int attempt;  /* 1 for the first */
    int retried;  /* a later attempt exists */
    gp_status status;
    int allow_failure;
    int enqueue_now;  /* made by a retry or a play: it is queued without waiting */
    int kept;         /* artifacts/keep */
    int no_artifacts; /* deleted or erased */
    gp_status plan;   /* how it will end */
    gp_ms run_for, queue_for;
    gp_ms created_at, queued_at, started_at, finished_at, erased_at;
    gp_ms due; /* its next scheduled change, or NEVER */
    const char *failure_reason;
    const gp_json *def;     /* the world's job, or NULL */
    const gp_json *variant; /* the matching variant, or NULL */
    char *variables;        /* given at play, JSON, or NULL */
    int64_t downstream_id;  /* the pipeline that this trigger job made, or GP_UNSET */
    int64_t deployment_id;  /* or GP_UNSET */
    int dirty;
};

typedef struct gp_environment {
    int64_t id;
    gp_project *project;
    char *name, *slug, *external_url, *tier, *description, *auto_stop;
    char *kubernetes_namespace, *flux_resource_path;
    int64_t cluster_agent_id; /* GP_UNSET: none */
    const char *state;        /* available, stopping, stopped */
    gp_ms created_at, updated_at;
    int64_t stop_job_id; /* the on_stop job while stopping, or GP_UNSET */
    gp_ms delete_at;     /* when a review app is deleted, or GP_MS_NONE */
    int dirty;
} gp_environment;

struct gp_deployment {
    int64_t id, iid;
    gp_project *project;
    int64_t environment_id, job_id; /* job_id: GP_UNSET when made by the API */
    char *ref, *sha;
    int tag;
    const char *status;
    gp_ms created_at, updated_at, finished_at;
    int dirty;
};

typedef struct gp_trigger {
    int64_t id;
    gp_project *project;
    char *token, *description;
    gp_ms created_at, updated_at, last_used, expires_at;
    int64_t owner_id;
    int dirty;
} gp_trigger;

typedef struct gp_variable {
    int64_t id;
    gp_project *project;
    char *key, *value, *type, *scope, *description;
    int is_protected, masked, hidden, raw;
    int dirty;
} gp_variable;

typedef struct gp_token {
    int64_t id;
    char *token, *name;
    const char *kind; /* personal, project, group, impersonation, oauth, job */
    int scopes;
    int role;
    int64_t user_id;
    int64_t project_id;    /* the only project visible to it, or GP_UNSET */
    int64_t job_id;        /* of a job token, or GP_UNSET */
    int64_t expires_after; /* number of calls after which it expires, or GP_UNSET */
    gp_ms created_at, expires_at, last_used;
    int revoked;
    int dirty;
} gp_token;

/* One remembered request: its parts lie in `data` at the offsets; see requests.c. */
typedef struct gp_seen {
    char *data;
    char *shown; /* JSON: of a request stored by an earlier run */
    size_t size, target, target_len, body, body_len, headers;
    int64_t number;
    gp_ms at;
    int status, fault;
    int uncommitted; /* its response waits for a flush */
} gp_seen;

enum { GP_SEEN_MAX = 2000 };

typedef struct gp_fault gp_fault;

struct gp_mock {
    gp_alloc alloc;

    /* Passed in by mock.c. */
    const gp_entity *const *entities; /* in the order of loading; ends with NULL (entity.h) */
    const gp_restore *restore;
    const gp_observer *observer;
    const struct gp_api *api;

    char *token;
    char *url;    /* without a slash at its end */
    char *assets; /* folder with the files of /docs and /redoc, or NULL */
    uint64_t seed;
    int allow_reset;
    int64_t max_body;

    /* The clock: `now` is the time of the current request; it never decreases. */
    int64_t clock_virtual;
    gp_ms clock_offset; /* real: added to the caller's time */
    gp_ms clock_held;   /* virtual: the time */
    gp_ms now;
    gp_ms caller;   /* the caller's time of this request */
    gp_ms advanced; /* all events up to then have been carried out */

    gp_list worlds;        /* gp_world * */
    const gp_world *world; /* the current one, or NULL: every project exists */
    gp_list scenarios;     /* gp_mock_scenario *, by id */
    gp_ids scenario_ids;
    gp_list projects; /* in order of first sight */
    gp_ids project_ids;
    gp_ids pipelines, jobs;
    gp_list tokens; /* gp_token * */
    gp_list users;  /* gp_user *, the first is the static token's */
    gp_list heap;   /* gp_pipeline * by due, then id */
    int64_t next_pipeline, next_job, next_environment, next_deployment, next_trigger, next_token,
        next_variable, next_scenario, next_fault, next_hook, next_delayed;

    gp_list faults; /* gp_fault * */
    gp_list hooks;  /* gp_hook * */
    gp_outbox outbox;
    gp_ms hooks_rest; /* no delivery is taken before this time: the database refused the last one */
    gp_seen seen[GP_SEEN_MAX];
    int64_t seen_count;
    gp_list windows; /* of rate limits, see throttle.c */
    gp_ids window_keys;
    gp_ms lag_kept;    /* how far back versions of pipelines are kept, see lag.c */
    gp_list aside;     /* rows that lag.c has put aside while older versions are shown */
    gp_ms date_second; /* the second that `date` stands for */
    char date[GP_TIME_TEXT];
    uint64_t requests;     /* counts every request, for X-Request-Id */
    int64_t requests_kept; /* the count that the database holds, which is never behind */

    gp_list delayed;  /* gp_delayed *: requests that a fault has delayed */
    gp_arena scratch; /* of the current request */
    gp_arena strings; /* texts of rows that were read from the database */
    gp_store *store;
    int spoiled;       /* the rows in memory differ from the database: they must be read again */
    int64_t reloads;   /* how often that was done: earlier pointers to rows are then invalid */
    int memory_failed; /* a row could not be created: the request fails with 500 */
    /* Rows in memory have followed the clock, but the database refused to write them: they must be
     * read again before the next write. What they show is correct all the same. */
    int behind;
    int acted; /* since the last commit, more has changed than what follows from the clock */
    gp_store_failure trouble; /* writes are being refused for this reason, as a client was told */
    int64_t unflushed;        /* requests noted before this number have been flushed */
    int deferred;             /* responses wait for a flush */
    int lost;                 /* changes that they report were lost: the flush will fail */
    gp_store_failure refusal; /* why the last commit that failed did so; GP_STORE_GOOD: memory */
    int64_t committed;        /* gp_store_writes at the last commit */
    gp_list dirty_pipelines;
};

/* strdup that remembers failure in the mock; NULL stays NULL. */
char *gp_mock_strdup(gp_mock *m, const char *text);

/* Puts a copy in place of the text that `*slot` owns; a NULL value keeps the old one. 0 when memory
 * is short: then the old one stays. */
int gp_mock_set_text(gp_mock *m, char **slot, const char *value);

/* The version that the simulated server says it has. */
const char *gp_mock_version(const gp_mock *m);

/* A stable number from the seed and what it is for. */
uint64_t gp_mock_hash(const gp_mock *m, const char *what, uint64_t number);

/* Rows by what identifies them; NULL: there is none. */
gp_mock_scenario *gp_scenario_find(gp_mock *m, int64_t id);
gp_user *gp_user_find(gp_mock *m, int64_t id);

/* Adds a project from the database, with that id (0: a free one) and path. NULL when memory ran
 * out. */
gp_project *gp_project_enter(gp_mock *m, int64_t id, const char *path);

/* Frees a pipeline with its jobs and versions; no list may contain it any more. */
void gp_pipeline_free(gp_mock *m, gp_pipeline *p);
void gp_pipeline_forget_versions(gp_pipeline *p);
void gp_world_free(gp_world *world);

/* Resets the counters to their first values. */
void gp_mock_counters(gp_mock *m);

#endif

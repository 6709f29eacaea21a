/* Loading a world: parse, enter its projects, then add tokens, variables and faults. */
#include "mock/control/world.h"

#include <stdio.h>
#include <string.h>

#include "mock/engine/world.h"
#include "mock/gitlab/triggers.h"
#include "mock/gitlab/variables.h"
#include "mock/request/access_tokens.h"
#include "mock/request/faults.h"
#include "mock/rows/save.h"
#include "mock/rows/store.h"
#include "mock/rows/reload.h"

int gp_world_populate(gp_mock *m, char *err, size_t err_size)
{
    const gp_json *root = m->world->root;
    size_t i;
    for (i = 0; i < m->projects.count; i++) {
        gp_project *project = m->projects.items[i];
        if (gp_triggers_seed(m, project) && gp_variables_seed(m, project)) continue;
        snprintf(err, err_size, "out of memory");
        return 0;
    }
    return gp_tokens_enter(m, root, err, err_size) &&
           gp_faults_add(m, gp_json_get(root, "faults"), err, err_size);
}

int gp_mock_use_world(gp_mock *m, const char *json, size_t len, char *err, size_t err_size)
{
    gp_world *world = gp_world_read(json, len, err, err_size);
    gp_buf fresh = {.alloc = &m->alloc}, current = {.alloc = &m->alloc};
    int same = 0;
    if (!world) return 0;
    if (m->world) {
        gp_json_write(&fresh, world->root);
        gp_json_write(&current, m->world->root);
        same = !fresh.failed && !current.failed && fresh.len == current.len &&
               memcmp(fresh.data, current.data, fresh.len) == 0;
    }
    gp_buf_free(&fresh);
    gp_buf_free(&current);
    if (same) {
        gp_world_free(world);
        return 1;
    }
    world->id = (int64_t)m->worlds.count + 1;
    if (!gp_list_add(&m->worlds, world)) {
        gp_world_free(world);
        snprintf(err, err_size, "out of memory");
        return 0;
    }
    gp_store_world(m, world, json, len);
    if (gp_world_enter(m, world)) return gp_world_populate(m, err, err_size);
    snprintf(err, err_size, "out of memory");
    return 0;
}

int gp_get_world(gp_call *call)
{
    if (call->m->world) {
        gp_json_write(&call->out->body, call->m->world->root);
    } else {
        gp_buf_adds(&call->out->body, "{\"projects\":{}}");
    }
    return 200;
}

int gp_put_world(gp_call *call)
{
    char err[400], ignored[200];
    const gp_http_request_in *in = call->in;
    int created = strcmp(in->method, "POST") == 0;
    if (!gp_mock_use_world(call->m, in->body, in->body_len, err, sizeof err)) {
        /* Invalid tokens or rules are found after the rest has been added, so everything is rolled
         * back. */
        gp_store_rollback(call->m);
        if (!gp_mock_reload(call->m, ignored, sizeof ignored)) call->m->spoiled = 1;
        return gp_fail_error(call, 400, err);
    }
    gp_get_world(call);
    return created ? 201 : 200;
}

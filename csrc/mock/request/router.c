/* Compares the path with each route; the first match wins, so the table's order matters. */
#include "mock/request/router.h"

#include <string.h>

#include "mock/request/params.h"

/* A captured piece of the path. */
typedef struct capture {
    const char *name, *at;
    size_t name_len, len;
} capture;

enum { MAX_CAPTURES = 4 };

/* Whether the path matches the template, segment by segment; `*name` takes as few segments as leave
 * a match for the rest. */
static int fits(const char *template_at, const char *path, capture *out, int *count)
{
    while (*template_at && *path) {
        if (*template_at == ':' || *template_at == '*') {
            int many = *template_at == '*';
            const char *name = template_at + 1;
            size_t name_len = strcspn(name, "/"), len = strcspn(path, "/");
            int mine = (*count)++;
            if (!len || mine >= MAX_CAPTURES) return 0;
            template_at = name + name_len;
            if (many) {
                for (; path[len]; len++) {
                    if (path[len] == '/' && *template_at &&
                        fits(template_at, path + len, out, count))
                        break;
                    *count = mine + 1;
                }
                if (*template_at && !path[len]) return 0;
            }
            out[mine] = (capture){name, path, name_len, len};
            path += len;
            if (many && *template_at) return 1;
        } else {
            if (*template_at != *path) return 0;
            template_at++;
            path++;
        }
    }
    return !*template_at && !*path;
}

static void set_captures(gp_arena *arena, gp_json *params, const capture *found, int count)
{
    int i;
    for (i = 0; i < count; i++) {
        size_t len;
        char *value = gp_percent_decode(arena, found[i].at, found[i].len, 0, &len);
        char *name = gp_arena_copy(arena, found[i].name, found[i].name_len);
        /* Invalid UTF-8 names nothing: the value becomes empty and finds no row. */
        if (value && !gp_utf8_valid(value, len)) len = 0;
        if (value) gp_json_set(params, name, gp_json_new_string(arena, value, len));
    }
}

void gp_route_find(const gp_route *routes, gp_arena *arena, const char *method, const char *path,
                   gp_json *params, gp_match *match)
{
    const gp_route *route;
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    capture found[MAX_CAPTURES];
    match->route = NULL;
    match->allow[0] = 0;
    for (route = routes; route->method; route++) {
        int count = 0;
        if (!fits(route->path, path, found, &count)) continue;
        if (strcmp(route->method, wanted) == 0) {
            match->route = route;
            set_captures(arena, params, found, count);
            return;
        }
        if (!strstr(match->allow, route->method)) {
            if (match->allow[0])
                strncat(match->allow, ", ", sizeof match->allow - strlen(match->allow) - 1);
            strncat(match->allow, route->method, sizeof match->allow - strlen(match->allow) - 1);
        }
    }
}

int gp_route_is_own(const char *path)
{
    static const char *const own[] = {"/_mock", "/docs", "/redoc", "/openapi.json"};
    size_t i;
    if (strncmp(path, "/api/v4/", 8) == 0) path += 7;
    for (i = 0; i < sizeof own / sizeof *own; i++) {
        size_t len = strlen(own[i]);
        if (strncmp(path, own[i], len) == 0 && strchr("/?", path[len])) return 1;
    }
    return 0;
}

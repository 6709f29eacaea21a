/*
 * A line hook: records which lines of lua/ and bin/ run in this process and, at exit, appends them
 * to the process's own file in the folder $GP_COVERAGE, one "path:line" per line.
 *
 * New coroutines inherit the hook. A source is identified by the address of its name; the name is
 * compared too, because an address may be reused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

enum { MAX_SOURCES = 4096, MAX_LINES = 4096 };

typedef struct source {
    const char *address;
    char *name;       /* the chunk name in Lua */
    const char *path; /* within `name`; NULL: outside lua/ and bin/ */
    unsigned char lines[MAX_LINES];
} source;

static source *sources[MAX_SOURCES];
static size_t source_count;
static source *latest;

static const char *own_path(const char *name)
{
    const char *path = NULL, *at = name;
    size_t len = strlen(name);
    while ((at = strstr(at, "lua/gitlab_pipelines/")) != NULL)
        path = at++;
    if (path) return len > 4 && strcmp(name + len - 4, ".lua") == 0 ? path : NULL;
    return len > 20 && strcmp(name + len - 20, "bin/gitlab-pipelines") == 0 ? name + len - 20
                                                                            : NULL;
}

static source *find(const char *name)
{
    size_t i;
    source *found;
    if (latest && latest->address == name && strcmp(latest->name, name) == 0) return latest;
    for (i = 0; i < source_count; i++) {
        if (sources[i]->address == name && strcmp(sources[i]->name, name) == 0) {
            return latest = sources[i];
        }
    }
    if (source_count == MAX_SOURCES || !(found = calloc(1, sizeof *found))) return NULL;
    if (!(found->name = strdup(name))) {
        free(found);
        return NULL;
    }
    found->address = name;
    found->path = name[0] == '@' ? own_path(found->name) : NULL;
    sources[source_count++] = found;
    return latest = found;
}

static void hook(lua_State *L, lua_Debug *event)
{
    source *at;
    if (!lua_getinfo(L, "S", event)) return;
    at = find(event->source);
    if (at && at->path && event->currentline < MAX_LINES) at->lines[event->currentline] = 1;
}

static void write_hits(void)
{
    const char *folder = getenv("GP_COVERAGE");
    char path[4096];
    FILE *file;
    size_t i;
    int line;
    if (!folder) return;
    snprintf(path, sizeof path, "%s/%ld.hits", folder, (long)getpid());
    file = fopen(path, "a");
    if (!file) return;
    for (i = 0; i < source_count; i++) {
        for (line = 0; sources[i]->path && line < MAX_LINES; line++) {
            if (sources[i]->lines[line]) fprintf(file, "%s:%d\n", sources[i]->path, line);
        }
    }
    fclose(file);
}

int luaopen_line_hook(lua_State *L);

int luaopen_line_hook(lua_State *L)
{
    lua_sethook(L, hook, LUA_MASKLINE, 0);
    return atexit(write_hits);
}

/*
 * core.joblog: the log parser.
 *
 *   parser{format = "text"|"raw"|"ansi"|"html", section = NAME} -> parser; with a section,
 *                         only the lines of that section and of the sections inside it
 *   parser:feed(bytes) -> lines, sections | nil, message
 *   parser:finish()    -> lines, sections | nil, message
 *   parser:exit_code() -> integer | nil
 *
 * A line is {number, text, plain, time, stream = "stdout"|"stderr", section, header, truncated};
 * unknown fields are absent. A section is {event = "start"|"end", name, options, time, duration,
 * first_line, last_line}.
 */
#include <string.h>

#include "core/joblog.h"
#include "core/joblog_format.h"
#include "core_modules.h"
#include "lgp.h"

#define PARSER "gitlab_pipelines.joblog"

typedef enum line_format { FORMAT_TEXT, FORMAT_RAW, FORMAT_ANSI, FORMAT_HTML } line_format;

typedef struct parser {
    gp_joblog log;
    gp_buf rendered;
    line_format format;
    char section[GP_JOBLOG_MAX_NAME]; /* only lines inside it; "" for all */
} parser;

static parser *check(lua_State *L)
{
    return luaL_checkudata(L, 1, PARSER);
}

static int parser_close(lua_State *L)
{
    parser *self = check(L);
    if (self->log.plain.alloc) {
        gp_joblog_free(&self->log);
        gp_buf_free(&self->rendered);
    }
    return 0;
}

static int parser_new(lua_State *L)
{
    static const char *const formats[] = {"text", "raw", "ansi", "html", NULL};
    parser *self;
    int format = 0;
    const char *section = "";
    if (lua_istable(L, 1)) {
        section = lgp_opt_string(L, 1, "section", "");
        lua_getfield(L, 1, "format");
        format = luaL_checkoption(L, -1, "text", formats);
    }
    self = lgp_new(L, sizeof *self, PARSER);
    gp_joblog_init(&self->log, lgp_alloc());
    gp_buf_init(&self->rendered, lgp_alloc());
    self->format = (line_format)format;
    strncpy(self->section, section, sizeof self->section - 1);
    return 1;
}

/* Pushes the line in the parser's format; 0 when memory ran out. */
static int push_text(lua_State *L, parser *self, const gp_joblog_event *event)
{
    switch (self->format) {
    case FORMAT_TEXT:
        lua_pushlstring(L, event->plain, event->plain_len);
        return 1;
    case FORMAT_RAW:
        lua_pushlstring(L, event->raw, event->raw_len);
        return 1;
    case FORMAT_ANSI:
    case FORMAT_HTML:
        break;
    }
    gp_buf_clear(&self->rendered);
    if (self->format == FORMAT_ANSI) gp_joblog_ansi(event, &self->rendered);
    if (self->format == FORMAT_HTML) gp_joblog_html(event, &self->rendered);
    lua_pushlstring(L, gp_buf_text(&self->rendered), self->rendered.len);
    return !self->rendered.failed;
}

static int push_line(lua_State *L, parser *self, const gp_joblog_event *event)
{
    int ok;
    lua_createtable(L, 0, 6);
    lgp_set_integer(L, "number", event->number);
    ok = push_text(L, self, event);
    if (self->format == FORMAT_TEXT) {
        lua_pushvalue(L, -1);
    } else {
        lua_pushlstring(L, event->plain, event->plain_len);
    }
    lua_setfield(L, -3, "plain");
    lua_setfield(L, -2, "text");
    if (event->time >= 0) lgp_set_number(L, "time", event->time);
    if (event->stream) lgp_set_string(L, "stream", event->stream == 'O' ? "stdout" : "stderr");
    if (event->section) lgp_set_string(L, "section", event->section->name);
    if (event->is_header) lgp_set_boolean(L, "header", 1);
    if (event->truncated) lgp_set_boolean(L, "truncated", 1);
    return ok;
}

static void push_section(lua_State *L, const gp_joblog_event *event)
{
    const gp_joblog_section *section = event->section;
    int ended = event->kind == GP_JOBLOG_SECTION_END;
    lua_createtable(L, 0, 7);
    lgp_set_string(L, "event", ended ? "end" : "start");
    lgp_set_string(L, "name", section->name);
    if (section->options[0]) lgp_set_string(L, "options", section->options);
    lgp_set_number(L, "time", ended ? section->ended : section->started);
    if (!ended) return;
    lgp_set_number(L, "duration", section->ended - section->started);
    if (section->first_line) lgp_set_integer(L, "first_line", section->first_line);
    if (section->last_line) lgp_set_integer(L, "last_line", section->last_line);
}

/* Pushes the lines and sections that are ready. */
static int collect(lua_State *L, parser *self)
{
    gp_joblog_event event;
    int status, lines = 0, sections = 0;
    lua_settop(L, 2);
    lua_newtable(L);
    lua_newtable(L);
    while ((status = gp_joblog_next(&self->log, &event)) == 1) {
        if (event.kind == GP_JOBLOG_LINE) {
            if (self->section[0] && !gp_joblog_is_inside(&self->log, self->section)) continue;
            if (!push_line(L, self, &event)) status = -1;
            lua_rawseti(L, 3, ++lines);
        } else {
            push_section(L, &event);
            lua_rawseti(L, 4, ++sections);
        }
        if (status < 0) break;
    }
    if (status == 0) return 2;
    lua_pushnil(L);
    lua_pushliteral(L, "out of memory");
    return 2;
}

static int parser_feed(lua_State *L)
{
    parser *self = check(L);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    gp_joblog_feed(&self->log, bytes, len);
    return collect(L, self);
}

static int parser_finish(lua_State *L)
{
    parser *self = check(L);
    gp_joblog_finish(&self->log);
    return collect(L, self);
}

static int parser_exit_code(lua_State *L)
{
    long long code = gp_joblog_exit_code(&check(L)->log);
    if (code < 0) return 0;
    lgp_push_integer(L, code);
    return 1;
}

int lgp_open_joblog(lua_State *L)
{
    static const luaL_Reg methods[] = {{"feed", parser_feed},
                                       {"finish", parser_finish},
                                       {"exit_code", parser_exit_code},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {{"parser", parser_new}, {NULL, NULL}};
    lgp_type(L, PARSER, methods, NULL, parser_close);
    lgp_module(L, functions);
    return 1;
}

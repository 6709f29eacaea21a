/* core.redact: the redactor and its streams as userdata. */
#include "core/redact.h"
#include "core/secret.h"

#include "core_modules.h"
#include "lgp.h"

#define REDACTOR_TYPE "gitlab_pipelines.redactor"
#define STREAM_TYPE   "gitlab_pipelines.redact_stream"

/* The most memory that a buffer keeps between two calls. */
#define KEPT 65536

typedef struct redactor_box {
    gp_redactor redactor;
    gp_buf out;
} redactor_box;

/* Keeps its redactor alive through its uservalue. */
typedef struct stream_box {
    gp_redact_stream stream;
    gp_buf out;
} stream_box;

static redactor_box *check_redactor(lua_State *L)
{
    redactor_box *box = luaL_checkudata(L, 1, REDACTOR_TYPE);
    luaL_argcheck(L, box->redactor.alloc != NULL, 1, "the redactor is closed");
    return box;
}

static int redactor_close(lua_State *L)
{
    redactor_box *box = luaL_checkudata(L, 1, REDACTOR_TYPE);
    if (!box->redactor.alloc) return 0;
    gp_redactor_close(&box->redactor);
    gp_buf_free_secret(&box->out);
    box->redactor.alloc = NULL;
    return 0;
}

/* new(known): with `known`, redacts only the secrets that are added. */
static int redact_new(lua_State *L)
{
    int known = lua_toboolean(L, 1);
    redactor_box *box = lgp_new(L, sizeof *box, REDACTOR_TYPE);
    gp_buf_init(&box->out, lgp_alloc_secret());
    if (!(known ? gp_redactor_init_known : gp_redactor_init)(&box->redactor, lgp_alloc_secret()))
        return luaL_error(L, "not enough memory");
    return 1;
}

/* redactor:add(secret): a core.secret or a string */
static int redactor_add(lua_State *L)
{
    redactor_box *box = check_redactor(L);
    const char *text;
    size_t len;
    if (lua_type(L, 2) == LUA_TSTRING) {
        text = lua_tolstring(L, 2, &len);
    } else {
        gp_secret *secret = luaL_checkudata(L, 2, GP_SECRET_TYPE);
        luaL_argcheck(L, gp_secret_is(secret, lua_rawlen(L, 2)), 2,
                      "the secret was made by another build");
        text = secret->data;
        len = secret->len;
    }
    if (!gp_redactor_add(&box->redactor, text, len)) return luaL_error(L, "not enough memory");
    return 0;
}

static int redactor_add_prefix(lua_State *L)
{
    redactor_box *box = check_redactor(L);
    size_t len;
    const char *prefix = luaL_checklstring(L, 2, &len);
    if (!gp_redactor_add_prefix(&box->redactor, prefix, len))
        return luaL_error(L, "not enough memory");
    return 0;
}

/* Pushes the output. */
static int push_out(lua_State *L, gp_buf *out, int worked)
{
    if (!worked) return luaL_error(L, "not enough memory");
    lua_pushlstring(L, gp_buf_text(out), out->len);
    if (out->cap > KEPT) gp_buf_free(out);
    return 1;
}

static int redactor_text(lua_State *L)
{
    redactor_box *box = check_redactor(L);
    size_t len;
    const char *s = luaL_checklstring(L, 2, &len);
    gp_buf_clear(&box->out);
    return push_out(L, &box->out, gp_redact_text(&box->redactor, s, len, &box->out));
}

static int redactor_stream(lua_State *L)
{
    redactor_box *box = check_redactor(L);
    stream_box *stream = lgp_new(L, sizeof *stream, STREAM_TYPE);
    gp_redact_stream_init(&stream->stream, &box->redactor, lgp_alloc_secret());
    gp_buf_init(&stream->out, lgp_alloc());
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_setuservalue(L, -2);
    return 1;
}

static int stream_close(lua_State *L)
{
    stream_box *box = luaL_checkudata(L, 1, STREAM_TYPE);
    if (!box->stream.redactor) return 0;
    gp_redact_stream_close(&box->stream);
    gp_buf_free(&box->out);
    box->stream.redactor = NULL;
    return 0;
}

static stream_box *check_stream(lua_State *L)
{
    stream_box *box = luaL_checkudata(L, 1, STREAM_TYPE);
    luaL_argcheck(L, box->stream.redactor && box->stream.redactor->alloc, 1,
                  "the stream is closed");
    gp_buf_clear(&box->out);
    return box;
}

static int stream_feed(lua_State *L)
{
    stream_box *box = check_stream(L);
    size_t len;
    const char *s = luaL_checklstring(L, 2, &len);
    return push_out(L, &box->out, gp_redact_feed(&box->stream, s, len, &box->out));
}

static int stream_finish(lua_State *L)
{
    stream_box *box = check_stream(L);
    return push_out(L, &box->out, gp_redact_finish(&box->stream, &box->out));
}

static int redact_is_secret_header(lua_State *L)
{
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, gp_redact_is_secret_header(name, len));
    return 1;
}

int lgp_open_redact(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"new", redact_new},
        {"is_secret_header", redact_is_secret_header},
        {NULL, NULL},
    };
    static const luaL_Reg redactor[] = {
        {"add", redactor_add},
        {"add_prefix", redactor_add_prefix},
        {"text", redactor_text},
        {"stream", redactor_stream},
        {NULL, NULL},
    };
    static const luaL_Reg stream[] = {
        {"feed", stream_feed}, {"finish", stream_finish}, {NULL, NULL}};
    lgp_type(L, REDACTOR_TYPE, redactor, NULL, redactor_close);
    lgp_type(L, STREAM_TYPE, stream, NULL, stream_close);
    lgp_module(L, functions);
    return 1;
}

/*
 * store.archive: reading artifact archives.
 *
 *   open(path, entries) -> archive            from a file with at most `entries` entries
 *                                             (default ENTRIES)
 *   open_tail(tail, total) -> archive         only its directory, from its last bytes
 *   directory_most(entries) -> bytes          the largest directory that is read
 *   locate(tail, total) -> offset, size       of the directory; nil: not the end of a complete
 *                                             archive
 *   TAIL                                      the most bytes that locate may need
 *   ENTRIES                                   the default limit on the number of entries
 *   archive:count()
 *   archive:entry(i) -> {name, kind = "file"|"folder"|"link"|"special", size, packed, crc, mode,
 *                        changed, encrypted}  i from 1
 *   archive:find(name) -> i | nil
 *   archive:read(i, max_bytes) -> string
 *   archive:save(i, path) -> bytes            one entry into a new file
 *   archive:verify({bytes, entries, ratio}) -> work
 *                                             reads every entry: length and checksum must match
 *   archive:extract(folder, {bytes, entries, ratio, wanted}) -> work
 *                                             wanted: a string with "1" or "0" per entry; nil: all
 *   archive:close()
 *   work:step(limit) -> {files, folders, bytes} when done; false when there is more after about
 *                                             `limit` bytes
 *   work:unpacked() -> bytes                  number of bytes unpacked so far
 *   work:give_up()                            further steps clean up and fail with "stopped"; too
 *                                             late once files are moved to their places
 *   work:close()                              cleans up at once
 *
 * Failures are nil, kind, message; kind is "damaged", "unsafe", "missing", "system" or "stopped".
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/zip.h"
#include "io/archive.h"
#include "lgp.h"
#include "store_modules.h"

#define ARCHIVE "gitlab_pipelines.archive"
#define WORK    "gitlab_pipelines.archive_work"

typedef struct archive {
    gp_archive *handle;
} archive;

/* Keeps its archive alive through its uservalue. */
typedef struct work {
    gp_archive_work *handle;
    archive *owner;
} work;

static gp_archive *check(lua_State *L)
{
    archive *self = luaL_checkudata(L, 1, ARCHIVE);
    if (!self->handle) luaL_error(L, "the archive is closed");
    return self->handle;
}

static int archive_close(lua_State *L)
{
    archive *self = luaL_checkudata(L, 1, ARCHIVE);
    gp_archive_close(self->handle);
    self->handle = NULL;
    return 0;
}

static int push_failure(lua_State *L, gp_archive_status status, const gp_archive_problem *problem)
{
    static const char *const kinds[] = {
        [GP_ARCHIVE_DAMAGED] = "damaged", [GP_ARCHIVE_UNSAFE] = "unsafe",
        [GP_ARCHIVE_MISSING] = "missing", [GP_ARCHIVE_SYSTEM] = "system",
        [GP_ARCHIVE_STOPPED] = "stopped",
    };
    lua_pushnil(L);
    lua_pushstring(L, kinds[status]);
    lua_pushstring(L, problem->text);
    return 3;
}

/* The limit on the number of entries: argument `index` or the default. */
static uint64_t check_entries(lua_State *L, int index)
{
    double entries = luaL_optnumber(L, index, GP_ZIP_ENTRIES);
    luaL_argcheck(L, entries >= 1 && entries < 9007199254740993.0, index,
                  "must be a number of entries");
    return (uint64_t)entries;
}

static int archive_directory_most(lua_State *L)
{
    lua_pushnumber(L, (double)gp_zip_directory_most(check_entries(L, 1)));
    return 1;
}

static int archive_open(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    uint64_t entries = check_entries(L, 2);
    archive *self = lgp_new(L, sizeof *self, ARCHIVE);
    gp_archive_problem problem = {""};
    gp_archive_status status = gp_archive_open(path, entries, &self->handle, &problem);
    return status == GP_ARCHIVE_OK ? 1 : push_failure(L, status, &problem);
}

static int archive_open_tail(lua_State *L)
{
    size_t len;
    const char *tail = luaL_checklstring(L, 1, &len);
    double total = luaL_checknumber(L, 2);
    archive *self = lgp_new(L, sizeof *self, ARCHIVE);
    gp_archive_problem problem = {""};
    gp_archive_status status;
    luaL_argcheck(L, total >= (double)len && total < 9007199254740992.0, 2, "must be a size");
    status =
        gp_archive_open_tail(tail, len, (uint64_t)total, GP_ZIP_ENTRIES, &self->handle, &problem);
    return status == GP_ARCHIVE_OK ? 1 : push_failure(L, status, &problem);
}

static int archive_locate(lua_State *L)
{
    size_t len;
    const char *tail = luaL_checklstring(L, 1, &len);
    double total = luaL_checknumber(L, 2);
    uint64_t offset, size;
    if (!(total >= 0 && total < 9007199254740992.0)) return 0;
    if (!gp_zip_locate((const unsigned char *)tail, len, (uint64_t)total, &offset, &size)) return 0;
    lgp_push_integer(L, (long long)offset);
    lgp_push_integer(L, (long long)size);
    return 2;
}

static int archive_count(lua_State *L)
{
    lgp_push_integer(L, (long long)gp_archive_count(check(L)));
    return 1;
}

/* The zero-based index of argument 2. */
static uint64_t check_index(lua_State *L, gp_archive *handle)
{
    double index = luaL_checknumber(L, 2);
    luaL_argcheck(L, index >= 1 && index <= (double)gp_archive_count(handle), 2, "no such entry");
    return (uint64_t)index - 1;
}

static int archive_entry(lua_State *L)
{
    static const char *const kinds[] = {
        [GP_ENTRY_FILE] = "file",
        [GP_ENTRY_FOLDER] = "folder",
        [GP_ENTRY_LINK] = "link",
        [GP_ENTRY_SPECIAL] = "special",
    };
    gp_archive *handle = check(L);
    gp_archive_entry entry;
    gp_archive_problem problem = {""};
    gp_archive_status status =
        gp_archive_entry_at(handle, check_index(L, handle), &entry, &problem);
    if (status != GP_ARCHIVE_OK) return push_failure(L, status, &problem);
    lua_createtable(L, 0, 8);
    lua_pushlstring(L, entry.name, entry.name_len);
    lua_setfield(L, -2, "name");
    lgp_set_string(L, "kind", kinds[entry.kind]);
    lgp_set_integer(L, "size", (long long)entry.size);
    lgp_set_integer(L, "packed", (long long)entry.packed);
    lgp_set_integer(L, "crc", (long long)entry.crc);
    lgp_set_integer(L, "mode", entry.mode);
    lgp_set_number(L, "changed", entry.changed);
    lgp_set_boolean(L, "encrypted", entry.encrypted);
    return 1;
}

static int archive_find(lua_State *L)
{
    int64_t index = gp_archive_find(check(L), luaL_checkstring(L, 2));
    if (index < 0) return 0;
    lgp_push_integer(L, (long long)index + 1);
    return 1;
}

/* Fills the memory of a userdata, which Lua frees even after an error. */
typedef struct collector {
    char *bytes;
    size_t len;
} collector;

/* There is room for the entry's size, and gp_archive_read never passes more than that. */
static int collect(void *ctx, const void *bytes, size_t len)
{
    collector *self = ctx;
    memcpy(self->bytes + self->len, bytes, len);
    self->len += len;
    return 0;
}

static int archive_read(lua_State *L)
{
    gp_archive *handle = check(L);
    uint64_t index = check_index(L, handle);
    double most = luaL_checknumber(L, 3);
    collector collected = {NULL, 0};
    gp_archive_entry entry;
    gp_archive_problem problem = {""};
    gp_archive_status status = gp_archive_entry_at(handle, index, &entry, &problem);
    if (status == GP_ARCHIVE_OK && (double)entry.size > most) {
        strcpy(problem.text, "the entry is larger than allowed");
        status = GP_ARCHIVE_UNSAFE;
    }
    if (status == GP_ARCHIVE_OK) {
        collected.bytes = lua_newuserdata(L, entry.size ? (size_t)entry.size : 1);
        status = gp_archive_read(handle, index, collect, &collected, &problem);
    }
    if (status != GP_ARCHIVE_OK) return push_failure(L, status, &problem);
    lua_pushlstring(L, collected.bytes, collected.len);
    return 1;
}

static int write_piece(void *ctx, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t wrote = write(*(int *)ctx, at, len);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return 1;
        at += wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

static int archive_save(lua_State *L)
{
    gp_archive *handle = check(L);
    uint64_t index = check_index(L, handle);
    const char *path = luaL_checkstring(L, 3);
    gp_archive_problem problem = {""};
    gp_archive_status status = GP_ARCHIVE_SYSTEM;
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    long long size = -1;
    if (file >= 0) {
        status = gp_archive_read(handle, index, write_piece, &file, &problem);
        size = (long long)lseek(file, 0, SEEK_CUR);
        if (close(file) != 0) status = GP_ARCHIVE_STOPPED;
    }
    if (file < 0 || status == GP_ARCHIVE_STOPPED) {
        status = GP_ARCHIVE_SYSTEM;
        strncpy(problem.text, strerror(errno), sizeof problem.text - 1);
    }
    if (status != GP_ARCHIVE_OK) return push_failure(L, status, &problem);
    lgp_push_integer(L, size);
    return 1;
}

/* ---- Work in slices ---- */

static work *push_work(lua_State *L)
{
    work *self = lgp_new(L, sizeof *self, WORK);
    self->owner = lua_touserdata(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_setuservalue(L, -2);
    return self;
}

/* The bounds in the table at `index`. */
static gp_archive_bounds check_bounds(lua_State *L, int index)
{
    gp_archive_bounds bounds;
    luaL_checktype(L, index, LUA_TTABLE);
    bounds.bytes = (uint64_t)lgp_opt_integer(L, index, "bytes", 0);
    bounds.entries = (uint64_t)lgp_opt_integer(L, index, "entries", 0);
    bounds.ratio = lgp_opt_number(L, index, "ratio", 0);
    return bounds;
}

static int archive_verify(lua_State *L)
{
    gp_archive *handle = check(L);
    gp_archive_bounds bounds = check_bounds(L, 2);
    work *self = push_work(L);
    gp_archive_problem problem = {""};
    gp_archive_status status = gp_archive_verify(handle, &bounds, &self->handle, &problem);
    return status == GP_ARCHIVE_OK ? 1 : push_failure(L, status, &problem);
}

static int archive_extract(lua_State *L)
{
    gp_archive *handle = check(L);
    const char *folder = luaL_checkstring(L, 2);
    gp_archive_bounds bounds;
    gp_archive_problem problem = {""};
    gp_archive_status status;
    const char *given;
    char *wanted = NULL;
    work *self;
    bounds = check_bounds(L, 3);
    given = lgp_opt_string(L, 3, "wanted", NULL);
    if (given) {
        size_t count = (size_t)gp_archive_count(handle), i;
        luaL_argcheck(L, strlen(given) == count, 3, "'wanted' must have one digit per entry");
        wanted = lua_newuserdata(L, count + 1);
        for (i = 0; i < count; i++)
            wanted[i] = given[i] == '1';
    }
    self = push_work(L);
    status = gp_archive_extract(handle, folder, &bounds, wanted, &self->handle, &problem);
    return status == GP_ARCHIVE_OK ? 1 : push_failure(L, status, &problem);
}

static gp_archive_work *check_work(lua_State *L)
{
    work *self = luaL_checkudata(L, 1, WORK);
    if (!self->handle) luaL_error(L, "the work is over");
    if (!self->owner->handle) luaL_error(L, "the archive is closed");
    return self->handle;
}

static int work_step(lua_State *L)
{
    gp_archive_work *handle = check_work(L);
    double limit = luaL_checknumber(L, 2);
    gp_archive_problem problem = {""};
    const gp_archive_tally *tally = gp_archive_work_tally(handle);
    gp_archive_status status;
    luaL_argcheck(L, limit >= 1, 2, "must be at least 1");
    status = gp_archive_work_step(handle, limit < 1e15 ? (uint64_t)limit : UINT64_MAX, &problem);
    if (status == GP_ARCHIVE_MORE) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (status != GP_ARCHIVE_OK) return push_failure(L, status, &problem);
    lua_createtable(L, 0, 3);
    lgp_set_integer(L, "files", (long long)tally->files);
    lgp_set_integer(L, "folders", (long long)tally->folders);
    lgp_set_integer(L, "bytes", (long long)tally->bytes);
    return 1;
}

static int work_unpacked(lua_State *L)
{
    lgp_push_integer(L, (long long)gp_archive_work_tally(check_work(L))->read);
    return 1;
}

static int work_give_up(lua_State *L)
{
    gp_archive_work_give_up(check_work(L));
    return 0;
}

static int work_close(lua_State *L)
{
    work *self = luaL_checkudata(L, 1, WORK);
    gp_archive_work_end(self->handle);
    self->handle = NULL;
    return 0;
}

int lgp_open_archive(lua_State *L)
{
    static const luaL_Reg methods[] = {{"count", archive_count},     {"entry", archive_entry},
                                       {"find", archive_find},       {"read", archive_read},
                                       {"save", archive_save},       {"verify", archive_verify},
                                       {"extract", archive_extract}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"open", archive_open},
                                         {"open_tail", archive_open_tail},
                                         {"locate", archive_locate},
                                         {"directory_most", archive_directory_most},
                                         {NULL, NULL}};
    static const luaL_Reg steps[] = {
        {"step", work_step}, {"unpacked", work_unpacked}, {"give_up", work_give_up}, {NULL, NULL}};
    lgp_type(L, ARCHIVE, methods, NULL, archive_close);
    lgp_type(L, WORK, steps, NULL, work_close);
    lgp_module(L, functions);
    lgp_set_integer(L, "TAIL", GP_ZIP_TAIL);
    lgp_set_integer(L, "ENTRIES", GP_ZIP_ENTRIES);
    return 1;
}

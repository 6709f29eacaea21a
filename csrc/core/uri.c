#include "core/uri.h"

#include <string.h>

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int hex_value(char c)
{
    if (is_digit(c)) return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

void gp_uri_encode(gp_buf *out, const char *s, size_t len, gp_uri_set set)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *marks = set == GP_URI_FORM ? "*-._" : "-._~";
    size_t i, start = 0;
    for (i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)s[i];
        char escape[3] = {'%', hex[byte >> 4], hex[byte & 15]};
        if (is_letter(s[i]) || is_digit(s[i]) || is_one_of(s[i], marks)) continue;
        gp_buf_add(out, s + start, i - start);
        start = i + 1;
        if (set == GP_URI_FORM && byte == ' ') {
            gp_buf_addc(out, '+');
        } else {
            gp_buf_add(out, escape, 3);
        }
    }
    gp_buf_add(out, s + start, len - start);
}

int gp_uri_decode(gp_buf *out, const char *s, size_t len, gp_uri_set set)
{
    size_t i, start = 0;
    for (i = 0; i < len; i++) {
        char byte = ' ';
        if (s[i] != '%' && (s[i] != '+' || set != GP_URI_FORM)) continue;
        gp_buf_add(out, s + start, i - start);
        if (s[i] == '%') {
            int high = len - i > 2 ? hex_value(s[i + 1]) : -1;
            int low = high >= 0 ? hex_value(s[i + 2]) : -1;
            if (low < 0) return 0;
            byte = (char)(high * 16 + low);
            i += 2;
        }
        gp_buf_addc(out, byte);
        start = i + 1;
    }
    gp_buf_add(out, s + start, len - start);
    return 1;
}

int gp_uri_has_control(const char *s, size_t len)
{
    size_t i;
    for (i = 0; i < len; i++) {
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) return 1;
    }
    return 0;
}

/* Takes the bytes up to the first of `stops` (or the end) off the front of `rest`. */
static gp_uri_piece take_until(gp_uri_piece *rest, const char *stops)
{
    gp_uri_piece taken = {rest->at, 0};
    while (taken.len < rest->len && !is_one_of(rest->at[taken.len], stops))
        taken.len++;
    rest->at += taken.len;
    rest->len -= taken.len;
    return taken;
}

/* If `rest` begins with `mark`: takes it and what follows up to one of `stops`. */
static gp_uri_piece take_after(gp_uri_piece *rest, char mark, const char *stops)
{
    gp_uri_piece none = {NULL, 0};
    if (!rest->len || *rest->at != mark) return none;
    rest->at++;
    rest->len--;
    return take_until(rest, stops);
}

static int is_scheme(gp_uri_piece piece)
{
    size_t i;
    if (!piece.len || !is_letter(*piece.at)) return 0;
    for (i = 1; i < piece.len; i++) {
        if (!is_letter(piece.at[i]) && !is_digit(piece.at[i]) && !is_one_of(piece.at[i], "+-."))
            return 0;
    }
    return 1;
}

static int is_host(gp_uri_piece host)
{
    int bracketed = host.len > 4 && *host.at == '[' && host.at[host.len - 1] == ']';
    size_t i;
    for (i = bracketed; i + bracketed < host.len; i++) {
        char c = host.at[i];
        int fits = bracketed ? hex_value(c) >= 0 || is_one_of(c, ":.")
                             : is_letter(c) || is_digit(c) || is_one_of(c, "-._");
        if (!fits) return 0;
    }
    return host.len > 0;
}

/* The port after the colon: 0 for none, -1 for nonsense. */
static int read_port(gp_uri_piece piece)
{
    int port = 0;
    size_t i;
    for (i = 0; i < piece.len; i++) {
        if (!is_digit(piece.at[i])) return -1;
        port = port * 10 + (piece.at[i] - '0');
        if (port > 65535) return -1;
    }
    return piece.len && !port ? -1 : port;
}

static int parse_authority(gp_uri_piece authority, gp_uri *out, const char **why)
{
    gp_uri_piece rest = authority, before = take_until(&rest, "@"), port;
    if (rest.len) {
        out->userinfo = before;
        rest.at++;
        rest.len--;
    } else {
        rest = authority;
    }
    if (rest.len && memchr(rest.at, '@', rest.len)) {
        *why = "has a second @: encode it as %40";
        return 0;
    }
    if (rest.len && *rest.at == '[') {
        out->host = take_until(&rest, "]");
        if (rest.len) {
            out->host.len++;
            rest.at++;
            rest.len--;
        }
    } else {
        out->host = take_until(&rest, ":");
    }
    port = take_after(&rest, ':', "");
    if (!is_host(out->host) || rest.len) {
        *why = "has no valid host";
        return 0;
    }
    out->port = read_port(port);
    if (out->port < 0) {
        *why = "has no valid port";
        return 0;
    }
    return 1;
}

/* Path, query and fragment, which a URL and a reference have alike. */
static void parse_tail(gp_uri_piece *rest, gp_uri *out)
{
    out->path = take_until(rest, "?#");
    out->query = take_after(rest, '?', "#");
    out->fragment = take_after(rest, '#', "");
}

static int is_clean(const char *text, size_t len, const char **why)
{
    if (gp_uri_has_control(text, len) || (len && (memchr(text, ' ', len)))) {
        *why = "has a blank or a control character";
        return 0;
    }
    if (len && memchr(text, '\\', len)) {
        *why = "has a backslash";
        return 0;
    }
    return 1;
}

int gp_uri_parse(const char *url, size_t len, gp_uri *out, const char **why)
{
    gp_uri_piece rest = {url, len};
    memset(out, 0, sizeof *out);
    if (!is_clean(url, len, why)) return 0;
    out->scheme = take_until(&rest, ":/?#");
    if (!is_scheme(out->scheme) || rest.len < 3 || memcmp(rest.at, "://", 3) != 0) {
        *why = "is not an absolute URL";
        return 0;
    }
    rest.at += 3;
    rest.len -= 3;
    if (!parse_authority(take_until(&rest, "/?#"), out, why)) return 0;
    parse_tail(&rest, out);
    return 1;
}

static int scheme_is(const gp_uri *uri, const char *name)
{
    size_t i;
    for (i = 0; i < uri->scheme.len; i++) {
        if (lower(uri->scheme.at[i]) != name[i]) return 0;
    }
    return !name[i];
}

int gp_uri_effective_port(const gp_uri *uri)
{
    if (uri->port) return uri->port;
    return scheme_is(uri, "https") ? 443 : scheme_is(uri, "http") ? 80 : 0;
}

static void add_lower(gp_buf *out, gp_uri_piece piece)
{
    size_t i;
    for (i = 0; i < piece.len; i++)
        gp_buf_addc(out, lower(piece.at[i]));
}

void gp_uri_origin(gp_buf *out, const gp_uri *uri)
{
    gp_uri plain = *uri;
    plain.port = 0;
    add_lower(out, uri->scheme);
    gp_buf_adds(out, "://");
    add_lower(out, uri->host);
    if (uri->port && uri->port != gp_uri_effective_port(&plain)) gp_buf_addf(out, ":%d", uri->port);
}

static void add_piece(gp_buf *out, gp_uri_piece piece)
{
    gp_buf_add(out, piece.at, piece.len);
}

/*
 * Writes the path that `directory` and `path` make together, without "." and ".." segments. What
 * was written before (scheme and authority) is never climbed into.
 */
static void add_path(gp_buf *out, gp_uri_piece directory, gp_uri_piece path)
{
    size_t floor = out->len;
    gp_uri_piece parts[2] = {directory, path};
    int i;
    for (i = 0; i < 2; i++) {
        gp_uri_piece rest = parts[i];
        while (rest.len) {
            gp_uri_piece segment;
            int slash;
            if (*rest.at == '/') {
                rest.at++;
                rest.len--;
            }
            segment = take_until(&rest, "/");
            slash = rest.len > 0;
            if (segment.len == 1 && *segment.at == '.') {
                if (!slash) gp_buf_addc(out, '/');
            } else if (segment.len == 2 && !memcmp(segment.at, "..", 2)) {
                while (out->len > floor && out->data[--out->len] != '/')
                    continue;
                if (!slash) gp_buf_addc(out, '/');
            } else {
                gp_buf_addc(out, '/');
                add_piece(out, segment);
            }
        }
    }
}

/* The base's path up to its last slash, that one left out. */
static gp_uri_piece directory_of(gp_uri_piece path)
{
    while (path.len && path.at[path.len - 1] != '/')
        path.len--;
    if (path.len) path.len--;
    return path;
}

static void add_optional(gp_buf *out, char mark, gp_uri_piece piece)
{
    if (!piece.at) return;
    gp_buf_addc(out, mark);
    add_piece(out, piece);
}

int gp_uri_join(gp_buf *out, const char *base, size_t base_len, const char *reference, size_t len,
                const char **why)
{
    gp_uri from, to;
    gp_uri_piece rest = {reference, len}, scheme, nothing = {"", 0};
    if (!is_clean(reference, len, why)) return 0;
    if (!gp_uri_parse(base, base_len, &from, why)) return 0;
    memset(&to, 0, sizeof to);
    scheme = take_until(&rest, ":/?#");
    if (rest.len && *rest.at == ':' && is_scheme(scheme)) {
        if (!gp_uri_parse(reference, len, &to, why)) return 0;
        gp_buf_add(out, reference, (size_t)(to.path.at - reference));
        add_path(out, nothing, to.path);
    } else if (len >= 2 && !memcmp(reference, "//", 2)) {
        rest.at = reference + 2;
        rest.len = len - 2;
        if (!parse_authority(take_until(&rest, "/?#"), &to, why)) return 0;
        parse_tail(&rest, &to);
        add_piece(out, from.scheme);
        gp_buf_addc(out, ':');
        gp_buf_add(out, reference, (size_t)(to.path.at - reference));
        add_path(out, nothing, to.path);
    } else {
        rest.at = reference;
        rest.len = len;
        parse_tail(&rest, &to);
        gp_buf_add(out, base, (size_t)(from.path.at - base));
        if (!to.path.len) {
            add_path(out, nothing, from.path);
            if (!to.query.at) to.query = from.query;
        } else if (*to.path.at == '/') {
            add_path(out, nothing, to.path);
        } else {
            add_path(out, directory_of(from.path), to.path);
        }
    }
    add_optional(out, '?', to.query);
    add_optional(out, '#', to.fragment);
    return 1;
}

static int is_name_byte(char c, size_t at)
{
    return is_letter(c) || (at && (is_digit(c) || c == '_'));
}

static const char *refuse_value(gp_uri_piece value)
{
    if (!value.len) return "is empty";
    if (gp_uri_has_control(value.at, value.len)) return "has a control character";
    if (*value.at == '.' && (value.len == 1 || (value.len == 2 && value.at[1] == '.')))
        return "is a step in a path";
    return NULL;
}

int gp_uri_expand(gp_buf *out, gp_uri_piece template_text, gp_uri_lookup lookup, void *ctx,
                  gp_uri_piece *which, const char **why)
{
    gp_uri_piece rest = template_text;
    while (rest.len) {
        gp_uri_piece literal = take_until(&rest, ":"), name, value;
        add_piece(out, literal);
        if (!rest.len) break;
        name.at = rest.at + 1;
        name.len = 0;
        while (name.len + 1 < rest.len && is_name_byte(name.at[name.len], name.len))
            name.len++;
        rest.at += name.len + 1;
        rest.len -= name.len + 1;
        *which = name;
        *why = "is missing";
        if (!lookup(ctx, name.at, name.len, &value)) return 0;
        *why = refuse_value(value);
        if (*why) return 0;
        gp_uri_encode(out, value.at, value.len, GP_URI_COMPONENT);
    }
    return 1;
}

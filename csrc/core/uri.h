/*
 * URLs: percent-encoding, path templates, parsing a URL, and resolving a reference.
 *
 * Output in a gp_buf is complete only if its `failed` is 0 at the end. User errors are reported as
 * a short message in `*why` (static text without secrets).
 */
#ifndef GP_URI_H
#define GP_URI_H

#include <stddef.h>

#include "core/buf.h"

/* Which bytes stand for themselves: letters, digits and -._~ in a component of a URL; letters,
 * digits and *-._ in a form, where a space is written +. */
typedef enum gp_uri_set { GP_URI_COMPONENT, GP_URI_FORM } gp_uri_set;

/* Percent-encodes every byte that does not stand for itself: "a/b c" is "a%2Fb%20c". */
void gp_uri_encode(gp_buf *out, const char *s, size_t len, gp_uri_set set);

/* Undoes it. GP_URI_FORM reads + as a space. Returns 0 at a % without two hex digits; what came
 * before it has been written. */
int gp_uri_decode(gp_buf *out, const char *s, size_t len, gp_uri_set set);

/* Does it hold a control character (below 0x20, or 0x7f)? Such bytes are invalid in a path or a
 * header. */
int gp_uri_has_control(const char *s, size_t len);

/* A piece of a text; `at` is NULL where the piece is absent (which differs from empty). */
typedef struct gp_uri_piece {
    const char *at;
    size_t len;
} gp_uri_piece;

/*
 * An absolute URL in its pieces, which point into the text. `host` has no brackets removed and no
 * letters changed. `port` is 0 where none is named. `path` may be empty. `query` and `fragment`
 * are without their ? and #.
 */
typedef struct gp_uri {
    gp_uri_piece scheme, userinfo, host, path, query, fragment;
    int port;
} gp_uri;

/*
 * Parses "scheme://[userinfo@]host[:port][path][?query][#fragment]". Returns 1, or 0 with a
 * message in *why: control characters, blanks and backslashes anywhere, a host that is not a name
 * in ASCII or an address, a port outside 1 to 65535, a second @ are refused, since readers of
 * URLs disagree about them.
 */
int gp_uri_parse(const char *url, size_t len, gp_uri *out, const char **why);

/* The port a connection goes to: the named one, else 80 or 443, else 0. */
int gp_uri_effective_port(const gp_uri *uri);

/* Writes "https://host:8443": scheme and host in lower case, the scheme's own port left out. Two
 * URLs have the same origin exactly if this text is the same. */
void gp_uri_origin(gp_buf *out, const gp_uri *uri);

/*
 * Resolves a reference (what stands in `Location`) against an absolute URL, after RFC 3986 section
 * 5.2, dot segments removed. Without a fragment of its own the result has none. Returns 1, or 0
 * with a message in *why.
 */
int gp_uri_join(gp_buf *out, const char *base, size_t base_len, const char *reference, size_t len,
                const char **why);

/* Gives the value of a template's parameter; 0 if there is none. The bytes must live until the
 * next call. */
typedef int (*gp_uri_lookup)(void *ctx, const char *name, size_t name_len, gp_uri_piece *value);

/*
 * Writes a path from a template such as "/projects/:project/pipelines/:pipeline_id": each ":name"
 * (a letter, then letters, digits, _) is replaced by its value as one percent-encoded segment.
 * Returns 1, or 0 with a message in *why and the parameter's name in *which (which points into
 * the template): no value, an empty one, one with control characters, "." and "..", which
 * servers and proxies would take for a step in the path.
 */
int gp_uri_expand(gp_buf *out, gp_uri_piece template_text, gp_uri_lookup lookup, void *ctx,
                  gp_uri_piece *which, const char **why);

#endif

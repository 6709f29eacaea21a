/*
 * Pages for people: Swagger UI, ReDoc, and the panel of the simulation. The first two need files
 * that are not ours and not in the tree; they are read from the folder that `make docs-assets`
 * fills. Only the names below are ever opened. Nothing is loaded from anywhere else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock/control/pages.h"
#include "mock/request/answer.h"
#include "mock/control/panel.h"

static const struct {
    const char *name, *type;
} assets[] = {
    {"swagger-ui.css", "text/css; charset=utf-8"},
    {"swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
    {"redoc.standalone.js", "text/javascript; charset=utf-8"},
};

enum { ASSET_MAX = 16 << 20 };

static const char swagger[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>Simulated GitLab: try it out</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n"
    "<link rel=\"stylesheet\" href=\"/docs/swagger-ui.css\">\n"
    "</head>\n<body>\n<div id=\"page\"></div>\n"
    "<script src=\"/docs/swagger-ui-bundle.js\"></script>\n"
    "<script>\nwindow.ui = SwaggerUIBundle({url: '/openapi.json', dom_id: '#page',\n"
    "  presets: [SwaggerUIBundle.presets.apis], docExpansion: 'none', filter: true,\n"
    "  tryItOutEnabled: true, validatorUrl: null});\n</script>\n</body>\n</html>\n";

static const char redoc[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>Simulated GitLab: the contract</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n<style>body { margin: 0 }</style>\n"
    "</head>\n<body>\n<div id=\"page\"></div>\n"
    "<script src=\"/redoc/redoc.standalone.js\"></script>\n"
    "<script>\nRedoc.init('/openapi.json', {disableSearch: false, hideDownloadButton: false,\n"
    "  nativeScrollbars: true}, document.getElementById('page'));\n</script>\n</body>\n</html>\n";

static const char absent[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>Simulated GitLab: page not fetched yet</title>\n<link rel=\"icon\" href=\"data:,\">\n"
    "<style>body { font: 16px/1.6 system-ui, sans-serif; max-width: 40em; margin: 4em auto; "
    "padding: 0 1em; color: #24292f } code { background: #eef0f3; padding: .1em .4em; "
    "border-radius: 4px }</style>\n</head>\n<body>\n"
    "<h1>This page needs files that are not there yet</h1>\n"
    "<p>They are part of no release, since they belong to other projects. In a checkout, "
    "<code>make docs-assets</code> fetches them once (it needs npm); reload this page then.</p>\n"
    "<p>The contract itself is here all the same: <a href=\"/openapi.json\">/openapi.json</a>, and "
    "as text in <code>docs/API.md</code>. To steer the simulation: <a href=\"/_mock/\">/_mock/</a>."
    "</p>\n</body>\n</html>\n";

/* Reads a file into the body; 0 when it cannot be read. */
static int read_asset(gp_call *call, const char *name)
{
    gp_buf *body = &call->out->body;
    char piece[16384];
    char *path =
        call->m->assets ? gp_arena_print(call->arena, "%s/%s", call->m->assets, name) : NULL;
    FILE *file = path ? fopen(path, "rb") : NULL;
    size_t got;
    int good;
    if (!file) return 0;
    while (body->len < ASSET_MAX && (got = fread(piece, 1, sizeof piece, file)) > 0)
        gp_buf_add(body, piece, got);
    good = !ferror(file) && !body->failed;
    fclose(file);
    return good && body->len;
}

static int has_asset(gp_call *call, const char *name)
{
    char *path =
        call->m->assets ? gp_arena_print(call->arena, "%s/%s", call->m->assets, name) : NULL;
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (file) fclose(file);
    return file != NULL;
}

/* Nothing is loaded from, framed by or sent to other origins; our own scripts are inline. */
static int page(gp_call *call, const char *html)
{
    gp_answer_type(call, "text/html; charset=utf-8");
    gp_http_response_header(call->out, "Content-Security-Policy",
                            "default-src 'self'; script-src 'self' 'unsafe-inline'; "
                            "style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
                            "worker-src blob:; base-uri 'none'; form-action 'none'; "
                            "frame-ancestors 'none'");
    gp_http_response_header(call->out, "Referrer-Policy", "no-referrer");
    gp_buf_adds(&call->out->body, html);
    return 200;
}

int gp_get_docs(gp_call *call)
{
    return page(call, has_asset(call, "swagger-ui-bundle.js") ? swagger : absent);
}

int gp_get_redoc(gp_call *call)
{
    return page(call, has_asset(call, "redoc.standalone.js") ? redoc : absent);
}

int gp_get_panel(gp_call *call)
{
    return page(call, gp_panel_html);
}

int gp_get_asset(gp_call *call)
{
    const char *name = gp_call_string(call, "file");
    size_t i;
    for (i = 0; name && i < sizeof assets / sizeof *assets; i++) {
        if (strcmp(assets[i].name, name) != 0) continue;
        if (!read_asset(call, name)) break;
        gp_answer_type(call, assets[i].type);
        return 200;
    }
    return gp_fail(call, 404, "404 Not Found");
}

#include "core/joblog_format.h"

/* SGR number of each attribute bit, lowest bit first. */
static const int attribute_numbers[] = {1, 2, 3, 4, 7, 8, 9};

static void ansi_color(gp_buf *out, int color, int ground)
{
    if (color == GP_COLOR_DEFAULT) return;
    if (color & GP_COLOR_RGB) {
        gp_buf_addf(out, ";%d;2;%d;%d;%d", ground + 8, color >> 16 & 255, color >> 8 & 255,
                    color & 255);
    } else if (color < 8) {
        gp_buf_addf(out, ";%d", ground + color);
    } else if (color < 16) {
        gp_buf_addf(out, ";%d", ground + 60 + color - 8);
    } else {
        gp_buf_addf(out, ";%d;5;%d", ground + 8, color);
    }
}

static void ansi_open(gp_buf *out, const gp_style *style)
{
    size_t i;
    gp_buf_adds(out, "\033[0");
    for (i = 0; i < sizeof attribute_numbers / sizeof attribute_numbers[0]; i++) {
        if (style->attributes & 1u << i) gp_buf_addf(out, ";%d", attribute_numbers[i]);
    }
    ansi_color(out, style->foreground, 30);
    ansi_color(out, style->background, 40);
    gp_buf_addc(out, 'm');
}

void gp_joblog_ansi(const gp_joblog_event *line, gp_buf *out)
{
    size_t at = 0, i;
    for (i = 0; i < line->span_count; i++) {
        const gp_joblog_span *span = &line->spans[i];
        gp_buf_add(out, line->plain + at, span->start - at);
        ansi_open(out, &span->style);
        gp_buf_add(out, line->plain + span->start, span->len);
        gp_buf_adds(out, "\033[0m");
        at = span->start + span->len;
    }
    gp_buf_add(out, line->plain + at, line->plain_len - at);
}

/* The sixteen named colours as most terminals show them. */
static const int palette[16] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                                0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                                0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};

/* 24 bits of a colour: the 6x6x6 cube and the grey ramp are computed. */
static int rgb_of(int color)
{
    static const int steps[6] = {0, 95, 135, 175, 215, 255};
    int cube, grey;
    if (color & GP_COLOR_RGB) return color & 0xffffff;
    if (color < 16) return palette[color];
    if (color >= 232) {
        grey = 8 + 10 * (color - 232);
        return grey << 16 | grey << 8 | grey;
    }
    cube = color - 16;
    return steps[cube / 36] << 16 | steps[cube / 6 % 6] << 8 | steps[cube % 6];
}

static void html_text(gp_buf *out, const char *text, size_t len)
{
    size_t i, from = 0;
    for (i = 0; i < len; i++) {
        const char *escape = NULL;
        switch (text[i]) {
        case '&':
            escape = "&amp;";
            break;
        case '<':
            escape = "&lt;";
            break;
        case '>':
            escape = "&gt;";
            break;
        case '"':
            escape = "&quot;";
            break;
        case '\'':
            escape = "&#39;";
            break;
        default:
            break;
        }
        if (escape) {
            gp_buf_add(out, text + from, i - from);
            gp_buf_adds(out, escape);
            from = i + 1;
        }
    }
    gp_buf_add(out, text + from, len - from);
}

static void html_open(gp_buf *out, const gp_style *style)
{
    static const char *const css[] = {"font-weight:bold",
                                      "opacity:.6",
                                      "font-style:italic",
                                      "text-decoration:underline",
                                      NULL,
                                      "visibility:hidden",
                                      "text-decoration:line-through"};
    int inverse = (style->attributes & GP_STYLE_INVERSE) != 0;
    int foreground = inverse ? style->background : style->foreground;
    int background = inverse ? style->foreground : style->background;
    size_t i;
    gp_buf_adds(out, "<span style=\"");
    if (foreground != GP_COLOR_DEFAULT) gp_buf_addf(out, "color:#%06x;", rgb_of(foreground));
    if (background != GP_COLOR_DEFAULT) gp_buf_addf(out, "background:#%06x;", rgb_of(background));
    for (i = 0; i < sizeof css / sizeof css[0]; i++) {
        if (css[i] && style->attributes & 1u << i) gp_buf_addf(out, "%s;", css[i]);
    }
    gp_buf_adds(out, "\">");
}

void gp_joblog_html(const gp_joblog_event *line, gp_buf *out)
{
    size_t at = 0, i;
    for (i = 0; i < line->span_count; i++) {
        const gp_joblog_span *span = &line->spans[i];
        html_text(out, line->plain + at, span->start - at);
        html_open(out, &span->style);
        html_text(out, line->plain + span->start, span->len);
        gp_buf_adds(out, "</span>");
        at = span->start + span->len;
    }
    html_text(out, line->plain + at, line->plain_len - at);
}

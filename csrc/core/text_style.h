/*
 * The style of a piece of terminal text: colours and attributes, as SGR escapes set them.
 */
#ifndef GP_TEXT_STYLE_H
#define GP_TEXT_STYLE_H

#include <stddef.h>

/* Attributes of a style, as bits. */
enum {
    GP_STYLE_BOLD = 1,
    GP_STYLE_DIM = 2,
    GP_STYLE_ITALIC = 4,
    GP_STYLE_UNDERLINE = 8,
    GP_STYLE_INVERSE = 16,
    GP_STYLE_CONCEALED = 32,
    GP_STYLE_STRIKE = 64
};

/* A colour: GP_COLOR_DEFAULT, a number of the 256-colour palette, or GP_COLOR_RGB with 24 bits. */
enum { GP_COLOR_DEFAULT = -1, GP_COLOR_RGB = 1 << 24 };

typedef struct gp_style {
    int foreground, background;
    unsigned attributes;
} gp_style;

/* Applies the parameters of an SGR escape ("1;31", "38;5;208", "38:2::1:2:3", "4:3", "") to a
 * style. */
void gp_style_apply(gp_style *style, const char *parameters, size_t len);

/* Style without colour and attributes; 1 when `style` is it. */
void gp_style_reset(gp_style *style);
int gp_style_is_default(const gp_style *style);

#endif

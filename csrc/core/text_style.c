#include "core/text_style.h"

void gp_style_reset(gp_style *style)
{
    style->foreground = GP_COLOR_DEFAULT;
    style->background = GP_COLOR_DEFAULT;
    style->attributes = 0;
}

int gp_style_is_default(const gp_style *style)
{
    return style->foreground == GP_COLOR_DEFAULT && style->background == GP_COLOR_DEFAULT &&
           style->attributes == 0;
}

/* Attributes by SGR number, and what takes them back. */
static const struct {
    int number;
    unsigned set, clear;
} attributes[] = {
    {1, GP_STYLE_BOLD, 0},       {2, GP_STYLE_DIM, 0},        {3, GP_STYLE_ITALIC, 0},
    {4, GP_STYLE_UNDERLINE, 0},  {7, GP_STYLE_INVERSE, 0},    {8, GP_STYLE_CONCEALED, 0},
    {9, GP_STYLE_STRIKE, 0},     {21, GP_STYLE_UNDERLINE, 0}, {22, 0, GP_STYLE_BOLD | GP_STYLE_DIM},
    {23, 0, GP_STYLE_ITALIC},    {24, 0, GP_STYLE_UNDERLINE}, {27, 0, GP_STYLE_INVERSE},
    {28, 0, GP_STYLE_CONCEALED}, {29, 0, GP_STYLE_STRIKE},
};

enum { MAX_PARAMETERS = 32 };

/* A number of an escape; `joined` by ":" to the one before, of which it is a part. */
typedef struct parameter {
    int number, joined;
} parameter;

/* The numbers of "1;38;5;208;4:3"; an empty one is 0. Returns how many. */
static int read_parameters(const char *text, size_t len, parameter *list)
{
    int count = 0;
    size_t i;
    list[0].number = list[0].joined = 0;
    for (i = 0; i < len; i++) {
        if (text[i] == ';' || text[i] == ':') {
            if (++count == MAX_PARAMETERS) return count;
            list[count].number = 0;
            list[count].joined = text[i] == ':';
        } else if (text[i] >= '0' && text[i] <= '9' && list[count].number < 100000) {
            list[count].number = list[count].number * 10 + (text[i] - '0');
        }
    }
    return count + 1;
}

static int clamp_byte(int value)
{
    return value > 255 ? 255 : value;
}

static int rgb_color(const parameter *list)
{
    return GP_COLOR_RGB | clamp_byte(list[0].number) << 16 | clamp_byte(list[1].number) << 8 |
           clamp_byte(list[2].number);
}

/* "38;5;N" or "38;2;R;G;B" from `list`: sets the colour, returns how many were used. */
static int extended_color(const parameter *list, int count, int *color)
{
    if (count >= 3 && list[1].number == 5) {
        *color = clamp_byte(list[2].number);
        return 3;
    }
    if (count >= 5 && list[1].number == 2) {
        *color = rgb_color(list + 2);
        return 5;
    }
    return count;
}

/* "38:5:N", "38:2:R:G:B", or "38:2:SPACE:R:G:B" with a colour space that is mostly empty. */
static void joined_color(const parameter *list, int count, int *color)
{
    if (count >= 3 && list[1].number == 5) *color = clamp_byte(list[2].number);
    if (count >= 5 && list[1].number == 2) *color = rgb_color(list + (count > 5 ? 3 : 2));
}

static void apply_one(gp_style *style, int number)
{
    size_t i;
    if (number >= 30 && number <= 37) style->foreground = number - 30;
    if (number >= 40 && number <= 47) style->background = number - 40;
    if (number >= 90 && number <= 97) style->foreground = number - 90 + 8;
    if (number >= 100 && number <= 107) style->background = number - 100 + 8;
    if (number == 39) style->foreground = GP_COLOR_DEFAULT;
    if (number == 49) style->background = GP_COLOR_DEFAULT;
    for (i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (attributes[i].number == number) {
            style->attributes = (style->attributes & ~attributes[i].clear) | attributes[i].set;
        }
    }
}

/* A number and those that are joined to it. */
static void apply_joined(gp_style *style, const parameter *list, int count)
{
    switch (list[0].number) {
    case 4: /* "4:3" is a curly line, "4:0" none */
        apply_one(style, list[1].number ? 4 : 24);
        break;
    case 38:
        joined_color(list, count, &style->foreground);
        break;
    case 48:
        joined_color(list, count, &style->background);
        break;
    default:
        break;
    }
}

void gp_style_apply(gp_style *style, const char *parameters, size_t len)
{
    parameter list[MAX_PARAMETERS];
    int count = read_parameters(parameters, len, list), i = 0, joined, underline;
    while (i < count) {
        for (joined = 1; i + joined < count && list[i + joined].joined;)
            joined++;
        if (joined > 1) {
            apply_joined(style, list + i, joined);
            i += joined;
        } else if (list[i].number == 38) {
            i += extended_color(list + i, count - i, &style->foreground);
        } else if (list[i].number == 48) {
            i += extended_color(list + i, count - i, &style->background);
        } else if (list[i].number == 58) {
            /* The colour of an underline is not shown; its numbers are no attributes. */
            i += extended_color(list + i, count - i, &underline);
        } else {
            if (list[i].number == 0) gp_style_reset(style);
            apply_one(style, list[i].number);
            i++;
        }
    }
}

/* Conversions of times. They use integers only and call no clock. */
#include "mock/base/ms.h"

#include <math.h>
#include <string.h>

#include "core/calendar.h"

static char *digits(char *at, int value, int count)
{
    int i;
    for (i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

void gp_ms_iso(char text[GP_TIME_TEXT], gp_ms value)
{
    gp_date date = gp_calendar_date(value / 86400000);
    int rest = (int)(value % 86400000);
    char *at = digits(text, date.year % 10000, 4);
    *at++ = '-';
    at = digits(at, date.month, 2);
    *at++ = '-';
    at = digits(at, date.day, 2);
    *at++ = 'T';
    at = digits(at, rest / 3600000, 2);
    *at++ = ':';
    at = digits(at, rest / 60000 % 60, 2);
    *at++ = ':';
    at = digits(at, rest / 1000 % 60, 2);
    *at++ = '.';
    at = digits(at, rest % 1000, 3);
    *at++ = 'Z';
    *at = 0;
}

void gp_ms_http(char text[GP_TIME_TEXT], gp_ms value)
{
    if (!gp_time_format_http((double)value / 1000, text)) text[0] = 0;
}

gp_ms gp_ms_parse(const char *text)
{
    double seconds;
    if (!gp_time_parse_iso(text, strlen(text), &seconds) || seconds < 0) return GP_MS_NONE;
    return gp_ms_from_seconds(seconds);
}

gp_ms gp_ms_from_seconds(double seconds)
{
    if (!(seconds > 0)) return 0;
    if (seconds > GP_MS_LAST / 1000.0) seconds = GP_MS_LAST / 1000.0;
    return (gp_ms)llround(seconds * 1000);
}
